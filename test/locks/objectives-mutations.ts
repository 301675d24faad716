import type { Mutation } from './mutation.ts'

const ROTATION = 'services/objectives/src/principals/rotate-key.ts'

export const OBJECTIVES_MUTATIONS: readonly Mutation[] = [
  {
    lock: 'LOCK-OBJ-1',
    guard: 'the signature of the key that counts under the one that follows it',
    edits: [{ file: ROTATION, find: 'vkeys: [key.vkey, vkey]', replace: 'vkeys: [vkey]' }],
  },
  {
    lock: 'LOCK-OBJ-1',
    guard: 'the refusal of a note that is not signed as it has to be',
    edits: [
      {
        file: ROTATION,
        find: "if (fault !== undefined) throw signatureInvalid(fault, { field: 'note', expected })",
        replace: 'void [fault, signatureInvalid]',
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-1',
    guard: 'the refusal of what a suspended principal signs',
    edits: [
      {
        file: ROTATION,
        find: "if (principal.status !== 'active') throw principalSuspended(principalId)",
        replace: 'void principalSuspended',
      },
    ],
  },
]
