import { LEDGER_MUTATIONS } from './ledger-mutations.ts'
import type { Mutation } from './mutation.ts'
import { OBJECTIVES_MUTATIONS } from './objectives-mutations.ts'

/** The guards that `npm run locks -- --prove` takes away. */
export const MUTATIONS: readonly Mutation[] = [...LEDGER_MUTATIONS, ...OBJECTIVES_MUTATIONS]
