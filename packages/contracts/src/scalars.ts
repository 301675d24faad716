import { Type, type Static, type TSchema } from 'typebox'

/** Any RFC 9562 UUID, lower case. */
export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
})

/** UTC with milliseconds, as `Date.prototype.toISOString` writes it. */
export const Timestamp = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$',
})

/**
 * Whether a `Timestamp` is a time of the calendar that the database knows. The pattern lets the
 * 31st of February through, and PostgreSQL has no year 0.
 */
export function isCalendarTime(time: string): boolean {
  const date = new Date(time)
  const isInCalendar = !Number.isNaN(date.getTime()) && date.toISOString() === time
  return isInCalendar && !time.startsWith('0000')
}

/** 32 bytes as lower-case hex. */
export const Sha256Hex = Type.String({ pattern: '^[0-9a-f]{64}$' })

/** W3C trace id: 16 bytes as lower-case hex. All zeros where no trace was recorded. */
export const TraceId = Type.String({ pattern: '^[0-9a-f]{32}$' })

/** W3C `traceparent` header, version 00. */
export const Traceparent = Type.String({ pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' })

/**
 * A tenant's id, chosen when it is created and never changed. It is also the name of its audit
 * chain. The system's own chain is `substrate`, which no tenant may take.
 */
export const TenantId = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$',
  maxLength: 64,
})

/** The name of the system's own audit chain, and the tenant of the operators. */
export const SUBSTRATE = 'substrate'

/** An agent's name, unique in its tenant. */
export const AgentName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$', maxLength: 63 })

/** A service's name, as in the second token of its subjects. */
export const ServiceName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$', maxLength: 63 })

/**
 * Values of one kind by names of any kind. Not a `Type.Record`: no name with a line break fits its
 * pattern, so that the value is not checked and a serializer leaves it out.
 */
export function mapOf<Value extends TSchema>(value: Value) {
  return Type.Unsafe<Record<string, Static<Value>>>({
    type: 'object',
    additionalProperties: value,
  })
}

export const ActorKind = Type.Union([
  Type.Literal('human'),
  Type.Literal('agent'),
  Type.Literal('service'),
])

/**
 * Who acted. Ids are `operator:<token id>`, `agent:<name>` or `service:<name>`. Of an operator's
 * delegated token it is the id of the root: delegating makes nobody else.
 */
export const Actor = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  kind: ActorKind,
})
export type Actor = Static<typeof Actor>

/**
 * Who asks, for which tenant: set by the gateway from the authenticated token, never from a body.
 */
export const CallContext = Type.Object({
  tenantId: TenantId,
  actor: Actor,
  /** The token that authenticated the caller; absent when a service acts by itself. */
  tokenId: Type.Optional(Uuid),
})
export type CallContext = Static<typeof CallContext>

/** Opaque position for the next page of a list. */
export const Cursor = Type.String({ minLength: 1, maxLength: 512 })
