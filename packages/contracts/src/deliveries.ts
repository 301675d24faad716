import { Type, type Static } from 'typebox'
import { BROADCAST_RECIPIENTS_MAX, InboxMessage } from './bridge.ts'
import { defineEvent, defineRequest } from './define.ts'
import { AgentName, Cursor, TenantId, Timestamp, Uuid } from './scalars.ts'

/**
 * One of the places from which an agent works: a session, a machine. Each has a cursor of its own
 * in the agent's inbox, so that what one has read the others still get.
 */
export const BodyName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$', maxLength: 63 })

/** The most bodies that one agent has at a time. */
export const BODIES_MAX = 32

/**
 * For how many seconds of the system's time the first, the second … delivery of a message to a body
 * is leased to it. After each it is delivered again; after the last it is a dead letter.
 */
export const LEASE_SECONDS = [30, 120, 600, 600] as const

/** The longest that one `holdMessage` leases a message for, in seconds of the system's time. */
export const HOLD_SECONDS_MAX = 3_600

/** The bound on the reason of a rejection, in UTF-8 bytes. */
export const REASON_BYTES_MAX = 2_000

/** The most messages that one `receiveMessages` gives. */
export const RECEIVED_MAX = 100

const INBOX_ERRORS = ['bridge.sender-not-an-agent', 'bridge.agent-not-found'] as const

export const ReceivedMessage = Type.Object({
  ...InboxMessage.properties,
  /** Which delivery to this body it is: 1, 2 … Absent when the message is settled already. */
  attempt: Type.Optional(Type.Integer({ minimum: 1, maximum: LEASE_SECONDS.length })),
  /** Until then this body should acknowledge, hold or reject it. Absent with `attempt`. */
  leaseUntil: Type.Optional(Timestamp),
})
export type ReceivedMessage = Static<typeof ReceivedMessage>

/**
 * The next messages of the caller's inbox for one of its bodies: first those whose lease has ended
 * without an acknowledgement, then what came since. They are leased to the body. A message that
 * another body has settled is given once, without a lease; one that has expired is not given. A
 * body that is seen for the first time begins at the oldest message that nobody has settled. Two
 * calls at once get different messages, but for those with the same `claimId`.
 */
export const receiveMessages = defineRequest({
  subject: 'rpc.bridge.v1.receive-messages',
  request: Type.Object({
    body: BodyName,
    limit: Type.Integer({ minimum: 1, maximum: RECEIVED_MAX }),
    claimId: Type.Optional(
      Type.String({
        ...Uuid,
        description:
          'Of your choice. When an answer was lost, ask again with the same one: what that call ' +
          'was given and this body still holds comes again, as the same delivery. Use a new one ' +
          'for what comes next.',
      }),
    ),
  }),
  reply: Type.Object({
    messages: Type.Array(ReceivedMessage, { maxItems: RECEIVED_MAX }),
    /** Whether there is more to give now. */
    more: Type.Boolean(),
    /** When the next lease of this body ends, after which a message comes again. */
    nextLeaseEndsAt: Type.Optional(Timestamp),
  }),
  errors: [...INBOX_ERRORS, 'bridge.too-many-bodies'],
  timeoutMs: 5_000,
})

/**
 * Leases a message for so long from now on, for work that takes longer than the lease it has. 0
 * gives it back: it is delivered again at once. Only while the body still holds it.
 */
export const holdMessage = defineRequest({
  subject: 'rpc.bridge.v1.hold-message',
  request: Type.Object({
    body: BodyName,
    messageId: Uuid,
    seconds: Type.Integer({ minimum: 0, maximum: HOLD_SECONDS_MAX }),
    attempt: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LEASE_SECONDS.length,
        description:
          'The delivery that the caller has. With it a process that was away for too long learns ' +
          'that another process of its body has the message now.',
      }),
    ),
  }),
  reply: Type.Object({ messageId: Uuid, leaseUntil: Timestamp }),
  errors: [...INBOX_ERRORS, 'bridge.message-not-found', 'bridge.lease-lost'],
  timeoutMs: 2_000,
})

/** Marks a message of the caller's own inbox as dealt with. A second time changes nothing. */
export const acknowledgeMessage = defineRequest({
  subject: 'rpc.bridge.v1.acknowledge-message',
  request: Type.Object({ requestId: Uuid, messageId: Uuid }),
  reply: Type.Object({ messageId: Uuid, acknowledgedAt: Timestamp }),
  errors: ['bridge.message-not-found', 'bridge.sender-not-an-agent', 'bridge.agent-not-found'],
  timeoutMs: 5_000,
})

/** A message as its sender, or an operator of its tenant, sees it. */
export const getMessage = defineRequest({
  subject: 'rpc.bridge.v1.get-message',
  request: Type.Object({ messageId: Uuid }),
  reply: Type.Object({
    messageId: Uuid,
    from: AgentName,
    sentAt: Timestamp,
    deliveries: Type.Array(
      Type.Object({
        to: AgentName,
        status: Type.Union([
          Type.Literal('queued'),
          Type.Literal('fetched'),
          Type.Literal('acknowledged'),
          Type.Literal('dead-lettered'),
          Type.Literal('expired'),
        ]),
        /** The most deliveries to one of its bodies; 0 when none has received it by a lease. */
        attempts: Type.Integer({ minimum: 0 }),
        acknowledgedAt: Type.Optional(Timestamp),
        deadLetteredAt: Type.Optional(Timestamp),
        /** Why it is a dead letter. */
        reason: Type.Optional(Type.String()),
        expiredAt: Type.Optional(Timestamp),
      }),
      { maxItems: BROADCAST_RECIPIENTS_MAX },
    ),
  }),
  errors: ['bridge.message-not-found'],
  timeoutMs: 2_000,
})

/**
 * Gives a message of the caller's own inbox up: it is a dead letter with this reason, for the
 * sender to see and an operator to replay. One that is settled already is not changed.
 */
export const rejectMessage = defineRequest({
  subject: 'rpc.bridge.v1.reject-message',
  request: Type.Object({
    requestId: Uuid,
    messageId: Uuid,
    /** At most REASON_BYTES_MAX bytes. */
    reason: Type.String({ minLength: 1 }),
  }),
  reply: Type.Object({ messageId: Uuid, deadLetteredAt: Timestamp }),
  errors: [
    ...INBOX_ERRORS,
    'bridge.message-not-found',
    'bridge.message-settled',
    'bridge.text-too-large',
    'bridge.invalid-text',
  ],
  timeoutMs: 5_000,
})

/** One message of the caller's own inbox, in full. */
export const getInboxMessage = defineRequest({
  subject: 'rpc.bridge.v1.get-inbox-message',
  request: Type.Object({ messageId: Uuid }),
  reply: InboxMessage,
  errors: [...INBOX_ERRORS, 'bridge.message-not-found'],
  timeoutMs: 2_000,
})

export const Body = Type.Object({
  body: BodyName,
  /** The position up to which it has been given the inbox. */
  cursor: Type.Integer({ minimum: 0 }),
  /** Messages that are leased to it, or were and come again. */
  leased: Type.Integer({ minimum: 0 }),
  createdAt: Timestamp,
  lastReceivedAt: Timestamp,
})

/** The bodies of the caller, sorted by name. */
export const listBodies = defineRequest({
  subject: 'rpc.bridge.v1.list-bodies',
  request: Type.Object({}),
  reply: Type.Object({ bodies: Type.Array(Body, { maxItems: BODIES_MAX }) }),
  errors: INBOX_ERRORS,
  timeoutMs: 2_000,
})

/**
 * Forgets a body of the caller, with its cursor and its leases; nothing in the inbox changes. A
 * second time changes nothing.
 */
export const forgetBody = defineRequest({
  subject: 'rpc.bridge.v1.forget-body',
  request: Type.Object({ body: BodyName }),
  reply: Type.Object({}),
  errors: INBOX_ERRORS,
  timeoutMs: 2_000,
})

export const UndeliveredMessage = Type.Object({
  messageId: Uuid,
  from: AgentName,
  to: AgentName,
  reason: Type.String(),
  /** The most deliveries to one body. */
  attempts: Type.Integer({ minimum: 0 }),
  sentAt: Timestamp,
  deadLetteredAt: Timestamp,
})

/**
 * The messages of a tenant that are dead letters now, newest first: for an operator, who names the
 * tenant. Their texts stay with the sender and the addressee.
 */
export const listUndelivered = defineRequest({
  subject: 'rpc.bridge.v1.list-undelivered',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    /** The `next` of the page before. */
    before: Type.Optional(Cursor),
  }),
  reply: Type.Object({
    messages: Type.Array(UndeliveredMessage),
    next: Type.Optional(Cursor),
  }),
  errors: ['bridge.operators-only', 'bridge.invalid-cursor'],
  timeoutMs: 2_000,
})

/**
 * Delivers a dead letter again, to every body of its addressee, with all its attempts. A second
 * time changes nothing, unless it has become a dead letter again.
 */
export const redeliverMessage = defineRequest({
  subject: 'rpc.bridge.v1.redeliver-message',
  request: Type.Object({ requestId: Uuid, messageId: Uuid, to: AgentName }),
  reply: Type.Object({ messageId: Uuid, to: AgentName, redeliveredAt: Timestamp }),
  errors: [
    'bridge.operators-only',
    'bridge.message-not-found',
    'bridge.not-a-dead-letter',
    'bridge.expired-already',
  ],
  timeoutMs: 5_000,
})

export const messageAcknowledged = defineEvent({
  subject: 'evt.bridge.v1.message-acknowledged',
  payload: Type.Object({ tenantId: TenantId, agent: AgentName, messageId: Uuid }),
})

/** A message was given up for one of its addressees. */
export const messageDeadLettered = defineEvent({
  subject: 'evt.bridge.v1.message-dead-lettered',
  payload: Type.Object({
    tenantId: TenantId,
    agent: AgentName,
    messageId: Uuid,
    reason: Type.String(),
  }),
})

/** A message's `expiresAt` has passed; these addressees had not acknowledged it. */
export const messageExpired = defineEvent({
  subject: 'evt.bridge.v1.message-expired',
  payload: Type.Object({ tenantId: TenantId, messageId: Uuid, agents: Type.Array(AgentName) }),
})

/** A dead letter is in its addressee's inbox again. */
export const messageRedelivered = defineEvent({
  subject: 'evt.bridge.v1.message-redelivered',
  payload: Type.Object({ tenantId: TenantId, agent: AgentName, messageId: Uuid }),
})
