import type { Mutation } from './mutation.ts'

const DECISION = 'services/objectives/src/objectives/decide-objective.ts'
const DRAFTING = 'services/objectives/src/objectives/draft-objective.ts'
const TABLES = 'services/objectives/migrations/0051_create_objectives.sql'
const SIGNATURE = 'services/objectives/src/principals/check-signature.ts'
const ROTATION = 'services/objectives/src/principals/rotate-key.ts'
const ASKING = 'services/objectives/src/progress/ask-run.ts'
const OBSERVED = 'services/objectives/src/progress/observed-engrams.ts'
const PROGRESS = 'services/objectives/migrations/0053_create_progress.sql'

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
  {
    lock: 'LOCK-OBJ-1',
    guard: 'the refusal of a decision that the ratifier has not signed',
    edits: [
      {
        file: SIGNATURE,
        find: "throw signatureInvalid(fault, { field: 'note', expected: text })",
        replace: 'void [fault, signatureInvalid]',
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-1',
    guard: 'the refusal of a decision that a suspended ratifier has signed',
    edits: [
      {
        file: SIGNATURE,
        find: "if (principal.status !== 'active') throw principalSuspended(principalId)",
        replace: 'void principalSuspended',
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-2',
    guard: 'the version to which a signature belongs',
    edits: [
      {
        file: DECISION,
        find: 'const expected = statementOf(key, stored, { decision, reason })',
        replace:
          'const expected = statementOf({ ...key, version: 1 }, stored, { decision, reason })',
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-2',
    guard: 'the column of what a version says, which nobody may update',
    edits: [
      {
        file: TABLES,
        find: 'grant select, insert, update (state, objections) on objective_versions',
        replace: 'grant select, insert, update on objective_versions',
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-2',
    guard: 'that an edit leaves the version that counts alone',
    edits: [
      {
        file: DRAFTING,
        find: "findVersionIn(trx, key, ['draft', 'proposed'])",
        replace: "findVersionIn(trx, key, ['draft', 'proposed', 'ratified'])",
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-3',
    guard: 'the one whose signature has a day computed',
    edits: [
      {
        file: ASKING,
        find: 'signingKeyOf(trx, { principalId: COMPUTER, text, note })',
        replace: "signingKeyOf(trx, { principalId: 'agent.athena', text, note })",
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-3',
    guard: 'the trigger that lets a value come once, of a run',
    edits: [
      { file: PROGRESS, find: 'elsif old.computed_at is not null', replace: 'elsif false' },
      {
        file: PROGRESS,
        find: 'if not exists (select from',
        replace: 'if false and not exists (select from',
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-3',
    guard: 'the cut-off of a run that goes on',
    edits: [{ file: OBSERVED, find: 'number <= :cutoff', replace: 'number <= :cutoff + 1000000' }],
  },
  {
    lock: 'LOCK-OBJ-4',
    guard: 'that the same note a second time does nothing',
    edits: [
      {
        file: DECISION,
        find: 'earlier.decision === decision && earlier.note === note',
        replace: 'earlier.decision === decision && earlier.note === `${note}!`',
      },
    ],
  },
  {
    lock: 'LOCK-OBJ-4',
    guard: 'the trigger that wants a signature for each state that only the ratifier gives',
    edits: [{ file: TABLES, find: 'if needed is not null and not', replace: 'if false and not' }],
  },
]
