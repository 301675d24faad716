import { Type } from 'typebox'
import { AuditIntent, SealedEntry } from './audit.ts'
import { defineEvent, defineRequest } from './define.ts'
import { ServiceName, Sha256Hex, TenantId, Timestamp, Uuid, mapOf } from './scalars.ts'

/**
 * Seals one entry and answers when it is committed. For callers that must know the place of an
 * entry before they go on. The same (source, id) with the same content gets the first answer again.
 * A service appends as itself only: the context's actor must be `service:<source>`, without a
 * token, and `source` one of the services that may call the ledger. Which of them called is
 * believed as far as the bus's accounts go: they keep everybody else out, and do not tell these
 * apart. An intent whose source must be proven is published on `aud.<source>.v1.append`.
 */
export const append = defineRequest({
  subject: 'rpc.audit-ledger.v1.append',
  request: Type.Object({
    source: ServiceName,
    intent: AuditIntent,
    /**
     * The chain's head that the caller has seen (64 zeros for an empty chain). Another head is
     * refused.
     */
    expectedHead: Type.Optional(Sha256Hex),
  }),
  reply: SealedEntry,
  errors: [
    'audit-ledger.chain-seq-collision',
    'audit-ledger.id-reused',
    'audit-ledger.intent-invalid',
    'audit-ledger.payload-too-large',
    'audit-ledger.source-mismatch',
    'audit-ledger.not-sealing',
  ],
  timeoutMs: 5_000,
})

/** Some entries were sealed. One event per group commit, at most 500 entries each. */
export const entriesSealed = defineEvent({
  subject: 'evt.audit-ledger.v1.entries-sealed',
  payload: Type.Object({ entries: Type.Array(SealedEntry, { minItems: 1, maxItems: 500 }) }),
})

/**
 * The receipt of an entry: a C2SP `tlog-proof` whose `extra` line holds the entry itself, so that
 * it is verified with nothing but the log's public key. `text` lacks the checkpoint while
 * `anchored` is false.
 */
export const getReceipt = defineRequest({
  subject: 'rpc.audit-ledger.v1.get-receipt',
  request: Type.Object({
    source: ServiceName,
    id: Uuid,
    /** Waits this long for a checkpoint that covers the entry before it answers without one. */
    waitMs: Type.Integer({ minimum: 0, maximum: 3_000 }),
    /** Also returns the salt and the payload behind the entry's commitment. */
    disclose: Type.Boolean(),
  }),
  reply: Type.Object({
    entry: SealedEntry,
    anchored: Type.Boolean(),
    text: Type.String(),
    /** Present when asked for and redacted: the entry of source `audit-ledger` that tells of it. */
    redactionId: Type.Optional(Uuid),
    /** Present when asked for and not redacted. */
    disclosure: Type.Optional(Type.Object({ salt: Sha256Hex, payload: mapOf(Type.Unknown()) })),
  }),
  errors: ['audit-ledger.entry-not-found'],
  timeoutMs: 6_000,
})

/**
 * Erases the payload and the salt behind an entry of the tenant's, for good. The entry stays; the
 * chain gets one more, action `payload.redacted`, target `entry:<source>/<id>`. Erased a second
 * time, it answers with the first. What the ledger itself put on record cannot be erased.
 */
export const redactPayload = defineRequest({
  subject: 'rpc.audit-ledger.v1.redact-payload',
  request: Type.Object({
    requestId: Uuid,
    source: ServiceName,
    id: Uuid,
    /** At most 500 bytes of UTF-8. It is on record for ever: no personal data. */
    reason: Type.String({ minLength: 1 }),
    /** For instance `GDPR Art. 17(1)(a)`; at most 200 bytes. */
    legalBasis: Type.String({ minLength: 1 }),
  }),
  reply: Type.Object({
    /** The id of the entry that tells of it; its source is `audit-ledger`. */
    redactionId: Uuid,
    source: ServiceName,
    id: Uuid,
    index: Type.Integer({ minimum: 0 }),
    reason: Type.String(),
    legalBasis: Type.String(),
    redactedBy: Type.String(),
    redactedAt: Timestamp,
  }),
  errors: [
    'audit-ledger.entry-not-found',
    'audit-ledger.not-redactable',
    'audit-ledger.redaction-invalid',
  ],
  timeoutMs: 5_000,
})

/** The payload behind an entry was erased. */
export const payloadRedacted = defineEvent({
  subject: 'evt.audit-ledger.v1.payload-redacted',
  payload: Type.Object({
    source: ServiceName,
    id: Uuid,
    index: Type.Integer({ minimum: 0 }),
    chain: TenantId,
    redactionId: Uuid,
  }),
})

/** The newest signed checkpoint, as a C2SP signed note, and the key that verifies it. */
export const getCheckpoint = defineRequest({
  subject: 'rpc.audit-ledger.v1.get-checkpoint',
  request: Type.Object({}),
  reply: Type.Object({
    /** With the cosignatures that it has so far. Absent while the log is empty. */
    note: Type.Optional(Type.String()),
    /** The newest that the witnesses' quorum has cosigned. Absent without one. */
    witnessedNote: Type.Optional(Type.String()),
    vkey: Type.String(),
    origin: Type.String(),
  }),
  errors: [],
  timeoutMs: 2_000,
})

/** Bytes of a tile in one reply at most, before they become base64. */
export const TILE_PART_BYTES_MAX = 600_000

/**
 * A hash tile or entry bundle of the signed log, as C2SP tlog-tiles names it: `width` hashes or
 * entries from 256 × `index` on. Entries of every tenant are in it: for auditors. A bundle of large
 * entries comes in parts, each from `offset` on, until `totalBytes` are there.
 */
export const getTile = defineRequest({
  subject: 'rpc.audit-ledger.v1.get-tile',
  request: Type.Object({
    level: Type.Union([Type.Integer({ minimum: 0, maximum: 63 }), Type.Literal('entries')]),
    index: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    width: Type.Integer({ minimum: 1, maximum: 256 }),
    offset: Type.Integer({ minimum: 0 }),
  }),
  reply: Type.Object({
    /** Base64. */
    part: Type.String(),
    totalBytes: Type.Integer({ minimum: 0 }),
  }),
  errors: ['audit-ledger.tile-not-found'],
  timeoutMs: 4_000,
})

/** The head of one chain, to be named as `expectedHead`. */
export const getChainHead = defineRequest({
  subject: 'rpc.audit-ledger.v1.get-chain-head',
  request: Type.Object({ chain: TenantId }),
  reply: Type.Object({ seq: Type.Integer({ minimum: 0 }), head: Sha256Hex }),
  errors: [],
  timeoutMs: 2_000,
})

/** Of how many entries a checkpoint is. */
const CheckpointSize = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

/**
 * The time-stamp (RFC 3161) of the checkpoint over exactly `size` entries: a DER TimeStampResp in
 * base64, over the SHA-256 of `note`, which the log alone has signed.
 */
export const getTimestamp = defineRequest({
  subject: 'rpc.audit-ledger.v1.get-timestamp',
  request: Type.Object({ size: CheckpointSize }),
  reply: Type.Object({ reply: Type.String(), note: Type.String(), generatedAt: Timestamp }),
  errors: ['audit-ledger.timestamp-not-found'],
  timeoutMs: 2_000,
})

/**
 * The checkpoints that are time-stamped, newest first, a page of them: only those over fewer than
 * `before` entries. `next`, when present, is the `before` of the next page.
 */
export const listTimestamps = defineRequest({
  subject: 'rpc.audit-ledger.v1.list-timestamps',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    before: Type.Optional(CheckpointSize),
  }),
  reply: Type.Object({
    timestamps: Type.Array(Type.Object({ size: CheckpointSize, generatedAt: Timestamp })),
    next: Type.Optional(CheckpointSize),
  }),
  errors: [],
  timeoutMs: 2_000,
})
