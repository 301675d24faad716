import { Type, type Static } from 'typebox'
import { SealedEntry } from './audit.ts'
import { defineRequest } from './define.ts'
import { Actor, isCalendarTime, Sha256Hex, TenantId, Timestamp, TraceId, Uuid } from './scalars.ts'

const Phase = Type.Union([Type.Literal('fact'), Type.Literal('intent'), Type.Literal('outcome')])

/** What entries are searched and exported by. All that is named must hold. */
export const auditFilters = {
  /** Only this chain. Without it, all that the caller may see. */
  chain: Type.Optional(TenantId),
  /** The actor's id, whole. */
  actor: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  /** An action, or the actions under a dotted prefix: `deal.moved`, `deal.*`. */
  action: Type.Optional(
    Type.String({
      pattern: '^[a-z][a-z0-9-]*(\\.[a-z][a-z0-9-]*)*(\\.[a-z][a-z0-9-]*|\\.\\*)$',
      maxLength: 100,
    }),
  ),
  target: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]*:\\S+$', maxLength: 300 })),
  phase: Type.Optional(Phase),
  trace: Type.Optional(TraceId),
  /** When the source committed the fact: this time or later. */
  from: Type.Optional(Timestamp),
  /** Before this time. */
  until: Type.Optional(Timestamp),
}

export const AuditFilters = Type.Object(auditFilters)
export type AuditFilters = Static<typeof AuditFilters>

/** The field whose time has the right form and is on no calendar, for instance 30 February. */
export function findNoTime(filters: Pick<AuditFilters, 'from' | 'until'>): string | undefined {
  return (['from', 'until'] as const).find((field) => {
    const time = filters[field]
    return time !== undefined && !isCalendarTime(time)
  })
}

/** An entry as the log has it, with its place. */
export const FoundEntry = Type.Object({
  ...SealedEntry.properties,
  time: Timestamp,
  actor: Actor,
  action: Type.String(),
  target: Type.String(),
  phase: Phase,
  of: Type.Optional(Uuid),
  trace: TraceId,
})
export type FoundEntry = Static<typeof FoundEntry>

/** How far what was found can be relied on. */
export const Completeness = Type.Object({
  /** Whether nothing that is committed can be missing from it. */
  complete: Type.Boolean(),
  /** Entries that are committed and not in the index yet. */
  lag: Type.Integer({ minimum: 0 }),
})

/**
 * Entries of the caller's tenant, in the order of the log; the operators' tenant finds every
 * chain's. The index only says where to look: what is answered was read from the log, and where
 * the two disagree the entry is left out and `complete` is false.
 */
export const searchEntries = defineRequest({
  subject: 'rpc.audit-ledger.v1.search-entries',
  request: Type.Object({
    ...auditFilters,
    order: Type.Union([Type.Literal('newest'), Type.Literal('oldest')]),
    /** `next` of the page before. */
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
  }),
  reply: Type.Object({
    entries: Type.Array(FoundEntry, { maxItems: 200 }),
    /** Where the next page begins; absent after the last. */
    next: Type.Optional(Type.String()),
    ...Completeness.properties,
  }),
  errors: ['audit-ledger.invalid-filter'],
  timeoutMs: 5_000,
})

/** The roots of neighbouring full subtrees, the first leaf's first, in base64. */
const SubtreeRoots = Type.Array(Type.String(), { maxItems: 128 })

/**
 * Some entries of the signed log of `size`, from `begin` on and in its order, with the roots of the
 * subtrees between them: whoever appends leaves and roots in turn has the root of the whole tree.
 */
export const exportEntries = defineRequest({
  subject: 'rpc.audit-ledger.v1.export-entries',
  request: Type.Object({
    ...auditFilters,
    /** Of a signed checkpoint. */
    size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    /** The index behind the last exported entry; 0 at first. */
    begin: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    /** Adds salts and payloads. */
    disclose: Type.Boolean(),
  }),
  reply: Type.Object({
    entries: Type.Array(
      Type.Object({
        index: Type.Integer({ minimum: 0 }),
        /** The entry's bytes: canonical JSON. */
        entry: Type.String(),
        leafHash: Sha256Hex,
        /** Of what lies between the entry before, or `begin`, and this one. */
        before: SubtreeRoots,
        /** Present when asked for and not erased; `payload` is canonical JSON. */
        disclosure: Type.Optional(Type.Object({ salt: Sha256Hex, payload: Type.String() })),
        /**
         * Present when asked for and erased: the entry of source `audit-ledger` that tells of it,
         * on the same chain and behind this one. It is sealed a moment after the erasure.
         */
        redactionId: Type.Optional(Uuid),
      }),
    ),
    /** From where to go on; absent after the last entry. */
    next: Type.Optional(Type.Integer({ minimum: 1 })),
    /** After the last entry: of what lies between it and the end of the tree. */
    after: Type.Optional(SubtreeRoots),
  }),
  errors: [
    'audit-ledger.invalid-filter',
    'audit-ledger.index-behind',
    'audit-ledger.checkpoint-not-reached',
  ],
  timeoutMs: 8_000,
})

/** Entries in one reply of `readEntries` at most: as many as one announcement names. */
export const READ_ENTRIES_MAX = 500

const LogIndex = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/**
 * What is committed in the log from `begin` up to before `end`, of every chain: for the substrate's
 * own tenant. At most `READ_ENTRIES_MAX` places, whether or not a checkpoint covers them yet. An
 * entry holds a salted commitment to its payload and never the payload, and is never erased.
 */
export const readEntries = defineRequest({
  subject: 'rpc.audit-ledger.v1.read-entries',
  request: Type.Object({ begin: LogIndex, end: LogIndex }),
  reply: Type.Object({
    /** In their order, at least one if there is any. What the log does not have is missing. */
    entries: Type.Array(
      Type.Object({
        index: Type.Integer({ minimum: 0 }),
        /** The entry's bytes: canonical JSON, whose SHA-256 is the `hash` of its `SealedEntry`. */
        entry: Type.String(),
      }),
      { maxItems: READ_ENTRIES_MAX },
    ),
    /** From where to go on, where not all of them fitted; absent when there is no more. */
    next: Type.Optional(Type.Integer({ minimum: 1 })),
  }),
  errors: ['audit-ledger.invalid-filter', 'audit-ledger.operators-only'],
  timeoutMs: 5_000,
})
