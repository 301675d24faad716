import { randomUUID } from 'node:crypto'
import {
  getEngram,
  recallEngrams,
  recordEngram,
  type Engram,
  type EngramContent,
} from '@mumega/contracts/engrams'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { Circle } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'
import { agent, type TestObjectives } from './given.ts'

export const SAID: EngramContent = { kind: 'decision', text: 'Ship on Friday.', tier: 'public' }

type Query = Partial<RequestOf<typeof recallEngrams>>

export interface Memory {
  record(changes?: Partial<EngramContent>): Promise<Engram>
  recall(query?: Query): Promise<ReplyOf<typeof recallEngrams>>
  /** The ids of every page. */
  recallAll(query?: Query): Promise<string[]>
  get(engramId: string): Promise<Engram>
}

/** What one caller, by default an agent of `acme`, who belongs to these circles, remembers. */
export function memoryOf(
  { call }: TestObjectives,
  context: CallContext = agent('kasra'),
  circles: Circle[] = [],
): Memory {
  const recall = (query: Query = {}) =>
    call(context, recallEngrams, { limit: 100, ...query, circles })
  return {
    record: (changes = {}) =>
      call(context, recordEngram, { ...SAID, ...changes, requestId: randomUUID(), circles }),
    recall,
    async recallAll(query = {}) {
      const ids: string[] = []
      let after: string | undefined
      do {
        const page = await recall({ ...query, ...(after !== undefined && { after }) })
        ids.push(...page.engrams.map(({ engramId }) => engramId))
        after = page.next
      } while (after !== undefined)
      return ids
    },
    get: (engramId) => call(context, getEngram, { engramId, circles }),
  }
}
