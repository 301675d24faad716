import type { Mutation } from './mutation.ts'

const IDENTITY = 'services/bridge/src/identity.ts'
const NATS_CONFIG = 'packages/bus/src/nats-config.ts'
const GROWTH = 'services/audit-ledger/src/signing/verified-growth.ts'
const INTAKE = 'services/audit-ledger/src/intake/on-append.ts'
const GUARD_CHECK = 'services/audit-ledger/src/scrubbing/guard-check.ts'
const DROPS_CHECK = 'services/audit-ledger/src/scrubbing/drops-check.ts'
const SCRUBBING = 'services/audit-ledger/src/scrubbing/scrubbing.ts'
const GROUP = 'services/audit-ledger/src/sealing/seal-group.ts'

export const LEDGER_MUTATIONS: readonly Mutation[] = [
  {
    lock: 'LOCK-MON-1',
    guard: 'the comparison of the claimed agent with the authenticated one',
    edits: [
      {
        file: IDENTITY,
        find: 'claimed !== agent) throw identityBindingMismatch(claimed)',
        replace: 'claimed !== agent) return claimed',
      },
    ],
  },
  {
    lock: 'LOCK-MON-1',
    guard: 'the refusal of callers who are no agents',
    edits: [
      {
        file: IDENTITY,
        find: 'if (!isAgent || !Value.Check(AgentName, name)) throw senderNotAnAgent()',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-3',
    guard: 'the permission to pull the own intents only',
    edits: [
      {
        file: NATS_CONFIG,
        find: '...consumers.flatMap(({ stream, name }) => [\n          `${SERVICE_JS_API}',
        replace:
          '...Object.values(RIGHTS).flatMap((rights) => rights.consumers)' +
          '.flatMap(({ stream, name }) => [\n          `${SERVICE_JS_API}',
      },
    ],
  },
  {
    lock: 'LOCK-MON-3',
    guard: 'the epoch that every commit compares',
    edits: [
      {
        file: 'services/audit-ledger/src/sealing/log-repository.ts',
        find: 'and frontier = $21 and epoch = $4',
        replace: 'and frontier = $21 and $4::bigint > 0',
      },
    ],
  },
  {
    lock: 'LOCK-MON-3',
    guard: 'the frontier that every commit compares',
    edits: [
      {
        file: 'services/audit-ledger/src/sealing/log-repository.ts',
        find: 'and frontier = $21 and epoch = $4',
        replace: 'and $21::bytea is not null and epoch = $4',
      },
    ],
  },
  {
    lock: 'LOCK-MON-3',
    guard: 'the permission to publish under the own name only',
    edits: [
      {
        file: NATS_CONFIG,
        find: "filterSubject.replace('*', service)",
        replace: 'filterSubject',
      },
    ],
  },
  {
    lock: 'LOCK-MON-3',
    guard: 'the limit of the grants on the log to its own service',
    edits: [
      {
        file: 'services/audit-ledger/migrations/0004_guard_log.sql',
        find: 'event_keys, checkpoints, subtrees\n  to mumega_audit_ledger;',
        replace: 'event_keys, checkpoints, subtrees to mumega_audit_ledger, public;',
      },
    ],
  },
  {
    lock: 'LOCK-MON-4',
    guard: 'the count of exactly 256 events to an anchor',
    edits: [
      {
        file: GROWTH,
        find: 'if (size % ANCHOR_EVENTS === 0) {',
        replace: 'if (size % (ANCHOR_EVENTS - 1) === 0) {',
      },
    ],
  },
  {
    lock: 'LOCK-MON-4',
    guard: 'the comparison of the bytes read back with what was committed',
    edits: [
      {
        file: GROWTH,
        find: 'if (!committed.startsWith(leaf, HASH_BYTES * nth))',
        replace: 'if (leaf.length === 0)',
      },
      {
        file: GROWTH,
        find: ' || (size === target.size && !root.equals(frontierRoot(target)))',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-4',
    guard: 'the link of each anchor to the one before it',
    edits: [
      {
        file: 'services/audit-ledger/src/signing/log-key.ts',
        find: 'Buffer.concat([previousHash, Buffer.from(note)])',
        replace: 'Buffer.from(note)',
      },
    ],
  },
  {
    lock: 'LOCK-MON-5',
    guard: 'the refusal of changes while triggers are off for replication',
    edits: [
      {
        file: 'services/audit-ledger/migrations/0004_guard_log.sql',
        find: "  execute format('alter table %s enable always trigger written_once', guarded);\n",
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-5',
    guard: 'the look at whether a guard still refuses',
    edits: [{ file: GUARD_CHECK, find: "tgenabled = 'A' and ", replace: '' }],
  },
  {
    lock: 'LOCK-MON-5',
    guard: 'the refusal to alter what the ledger is made of',
    edits: [
      {
        file: 'services/audit-ledger/migrations/0064_guard_definitions.sql',
        find: '  alter event trigger audit_ledger_ddl_command_end enable always;\n',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-5',
    guard: 'the look at which root a copy outside the database has',
    edits: [
      {
        file: 'services/audit-ledger/src/anchoring/compare-copy.ts',
        find: '&& !signed.root.equals(root)) {',
        replace: '&& signed.root.length === 0) {',
      },
    ],
  },
  {
    lock: 'LOCK-MON-6',
    guard: 'the finding of a number that never came',
    edits: [
      {
        file: 'services/audit-ledger/src/completeness/watching.ts',
        find: '...[...told, ...fresh].map((gap) => gapFinding(gap, gapMs)),',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-6',
    guard: 'the drop-record of an intent that cannot be chained',
    edits: [
      {
        file: INTAKE,
        find: '    else drop(taking, course, dropped)\n',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-6',
    guard: 'the way back to the stream when a drop-record cannot be written',
    edits: [
      {
        file: INTAKE,
        find: 'course.isUnrecorded = true\n      course.isHandedBack = true',
        replace: 'course.isUnrecorded = true',
      },
    ],
  },
  {
    lock: 'LOCK-MON-6',
    guard: 'the refusal to alter a drop-record, and to resolve it by what is no entry of it',
    edits: [
      {
        file: 'services/audit-ledger/migrations/0075_guard_drops.sql',
        find: 'for each row execute function refuse_change_of_drop();',
        replace: 'for each row when (false) execute function refuse_change_of_drop();',
      },
    ],
  },
  {
    lock: 'LOCK-MON-6',
    guard: 'the comparison of a resolved drop with the entry that it names',
    edits: [
      {
        file: DROPS_CHECK,
        find: 'for (const drop of drops) checkDrop(tools, drop)',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-6',
    guard: 'the count of the drops that a pass has seen',
    edits: [
      { file: DROPS_CHECK, find: 'if (isOver && seen < least) {', replace: 'if (seen < 0) {' },
    ],
  },
  {
    lock: 'LOCK-MON-7',
    guard: 'the comparison of each entry with its leaf hash',
    edits: [
      {
        file: 'services/audit-ledger/src/scrubbing/tree-check.ts',
        find: 'if (entry !== leaf) fork(entry, leaf)',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-MON-7',
    guard: 'the halt over what was found altered',
    edits: [
      {
        file: SCRUBBING,
        find: 'findings.filter(isHalting).forEach(onHalting)',
        replace: '',
      },
    ],
  },
  {
    lock: 'LOCK-S024-F-2',
    guard: 'the cap of 2 attempts',
    edits: [
      {
        file: GROUP,
        find: 'const ATTEMPTS_MAX = 2',
        replace: 'const ATTEMPTS_MAX = 3',
      },
    ],
  },
  {
    lock: 'LOCK-S024-F-2',
    guard: 'the fresh head of each attempt',
    edits: [{ file: GROUP, find: 'tools.state.forget()', replace: '' }],
  },
  {
    lock: 'LOCK-S024-F-2',
    guard: 'the unique sequence of a chain in the database',
    edits: [
      {
        file: 'services/audit-ledger/migrations/0001_create_log.sql',
        find: ',\n  constraint event_keys_in_sequence unique (chain, seq)',
        replace: '',
      },
    ],
  },
]
