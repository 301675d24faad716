// What the operators must look at: what could not be sealed, and what is not as it was sealed.
import { Type } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { Cursor, ServiceName, Sha256Hex, Timestamp, Uuid } from './scalars.ts'

/** The same (source, id) arrived with other bytes. The first entry stands; this one was refused. */
export const conflictRecorded = defineEvent({
  subject: 'evt.audit-ledger.v1.conflict-recorded',
  payload: Type.Object({
    source: ServiceName,
    id: Uuid,
    /**
     * Hex SHA-256 over a salt of 32 bytes, the hash of what was sealed, and that of what was
     * refused: all three are in `audit_chain_conflicts` until the event is erased.
     */
    commitment: Sha256Hex,
  }),
})

/** An intent could not be chained. The row is in `audit_chain_drops`. */
export const dropRecorded = defineEvent({
  subject: 'evt.audit-ledger.v1.drop-recorded',
  payload: Type.Object({
    dropId: Uuid,
    source: ServiceName,
    id: Type.Optional(Uuid),
    reason: Type.String({ maxLength: 500 }),
  }),
})

/**
 * A witness did not cosign because it holds another history to be the log's, or says so. Somebody
 * must look; the row is in `witness_refusals`.
 */
export const witnessRefused = defineEvent({
  subject: 'evt.audit-ledger.v1.witness-refused',
  payload: Type.Object({
    /** The key name of the witness. */
    witness: Type.String({ maxLength: 300 }),
    /** `conflict`, `inconsistent`, `ahead` or `forged`. */
    fault: Type.String({ maxLength: 50 }),
    /** Entries of the checkpoint that was refused, and of the one it was to follow. */
    size: Type.Integer({ minimum: 1 }),
    oldSize: Type.Integer({ minimum: 0 }),
    reason: Type.String({ maxLength: 500 }),
  }),
})

const NewestFirst = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 200 }),
  /** The `next` of the page before. */
  before: Type.Optional(Cursor),
})

/** Drop-records, newest first: what could not be chained, and what has since resolved it. */
export const listDrops = defineRequest({
  subject: 'rpc.audit-ledger.v1.list-drops',
  request: NewestFirst,
  reply: Type.Object({
    drops: Type.Array(
      Type.Object({
        dropId: Uuid,
        source: ServiceName,
        id: Type.Optional(Uuid),
        occurredAt: Timestamp,
        reason: Type.String(),
        attempts: Type.Integer({ minimum: 1 }),
        payloadHash: Sha256Hex,
        resolvedAt: Type.Optional(Timestamp),
        resolvedIndex: Type.Optional(Type.Integer({ minimum: 0 })),
      }),
    ),
    next: Type.Optional(Cursor),
  }),
  errors: ['audit-ledger.invalid-cursor'],
  timeoutMs: 2_000,
})

/** What a finding says: which stored value is not what it was. */
const finding = {
  /** For instance `entry-altered`; the ledger's `scrubbing/finding.ts` lists them. */
  kind: Type.String({ maxLength: 50 }),
  /** Which value, for instance `entry 17`. */
  place: Type.String({ maxLength: 300 }),
  /** What follows from everything else that is stored; hashes in hex. */
  expected: Type.String({ maxLength: 300 }),
  found: Type.String({ maxLength: 300 }),
  /** Whether nothing is sealed or signed while it is open. */
  halts: Type.Boolean(),
}

/** The scrubber found a stored value that was altered. Once for each kind and place. */
export const findingRecorded = defineEvent({
  subject: 'evt.audit-ledger.v1.finding-recorded',
  payload: Type.Object({ findingId: Uuid, ...finding }),
})

/** A later pass of the scrubber judged every value, and did not find this one altered. */
export const findingCleared = defineEvent({
  subject: 'evt.audit-ledger.v1.finding-cleared',
  payload: Type.Object({ findingId: Uuid }),
})

/** What the scrubber found, newest first, and since when it is not found any more. */
export const listFindings = defineRequest({
  subject: 'rpc.audit-ledger.v1.list-findings',
  request: NewestFirst,
  reply: Type.Object({
    findings: Type.Array(
      Type.Object({
        findingId: Uuid,
        ...finding,
        occurredAt: Timestamp,
        clearedAt: Type.Optional(Timestamp),
      }),
    ),
    next: Type.Optional(Cursor),
  }),
  errors: ['audit-ledger.invalid-cursor'],
  timeoutMs: 2_000,
})
