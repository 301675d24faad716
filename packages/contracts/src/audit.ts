import { Type, type Static } from 'typebox'
import { defineEvent, type EventContract } from './define.ts'
import { Actor, ServiceName, Sha256Hex, TenantId, Timestamp, Traceparent, Uuid } from './scalars.ts'

/** Any JSON object. Not a `Type.Record`, whose check looks at each key to find nothing wrong. */
const JsonObject = Type.Unsafe<Record<string, unknown>>({ type: 'object' })

/**
 * What a service asks the audit-ledger to chain. `docs/adr/0004` has the reasons for each field.
 */
export const AuditIntent = Type.Object({
  /**
   * The producer's event id (UUIDv7). With the producing service it is the idempotency key, for
   * ever.
   */
  id: Uuid,
  /**
   * The producer's own number for this intent: 1, 2, 3 … without holes, so that a lost one is
   * provable.
   */
  number: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  /** The tenant's chain, or `substrate`. */
  chain: TenantId,
  /** When the source committed the fact. */
  time: Timestamp,
  actor: Actor,
  /** Dotted past participle or verb: `message.accepted`. */
  action: Type.String({ pattern: '^[a-z][a-z0-9-]*(\\.[a-z][a-z0-9-]*)+$', maxLength: 100 }),
  /** `<kind>:<id>`, for instance `message:0193…`. */
  target: Type.String({ pattern: '^[a-z][a-z0-9-]*:\\S+$', maxLength: 300 }),
  phase: Type.Union([Type.Literal('fact'), Type.Literal('intent'), Type.Literal('outcome')]),
  /**
   * The id of the intent that an outcome closes, which is of the same source and in the same chain.
   * Present exactly when `phase` is `outcome`.
   */
  of: Type.Optional(Uuid),
  /** The request that caused it; its trace id is written into the entry. */
  traceparent: Type.Optional(Traceparent),
  /** Any JSON object, at most 64 KiB in canonical form. Only its salted hash reaches the log. */
  payload: JsonObject,
})
export type AuditIntent = Static<typeof AuditIntent>

/** Intents that the relay packs into one message, in the order of their numbers. */
export const AuditIntents = Type.Object({
  intents: Type.Array(AuditIntent, { minItems: 1, maxItems: 64 }),
})
export type AuditIntents = Static<typeof AuditIntents>

/**
 * The one subject on which `service` may publish audit intents; only the audit-ledger consumes it.
 */
export function auditAppend(service: string): EventContract<typeof AuditIntents> {
  return defineEvent({ subject: `aud.${service}.v1.append`, payload: AuditIntents })
}

/** Where a sealed entry stands. */
export const SealedEntry = Type.Object({
  source: ServiceName,
  id: Uuid,
  chain: TenantId,
  /** Gapless in its chain, from 1. */
  seq: Type.Integer({ minimum: 1 }),
  /** Position in the whole log, from 0. */
  index: Type.Integer({ minimum: 0 }),
  /** Hex SHA-256 of the entry's bytes: the chain's new head. */
  hash: Sha256Hex,
})
export type SealedEntry = Static<typeof SealedEntry>
