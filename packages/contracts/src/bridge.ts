import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { AgentName, Cursor, ServiceName, TenantId, Timestamp, Uuid } from './scalars.ts'

/** The bound on a message's text in UTF-8 bytes; the error that refuses a longer one names it. */
export const TEXT_BYTES_MAX = 16_384

export const ContentType = Type.Union([Type.Literal('text/plain'), Type.Literal('text/markdown')])

// Characters, not bytes: the byte bound is checked by the bridge, whose error names the limit and the size.
const Text = Type.String({ minLength: 1, maxLength: TEXT_BYTES_MAX })

const MessageFields = {
  text: Text,
  contentType: Type.Optional(ContentType),
  /** The message this one answers. */
  replyTo: Type.Optional(Uuid),
  /** The sender's own id for a conversation or a task. */
  correlationId: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
}

export const Agent = Type.Object({
  tenantId: TenantId,
  name: AgentName,
  registeredAt: Timestamp,
  /** Absent until its first heartbeat. */
  lastSeenAt: Type.Optional(Timestamp),
  unread: Type.Integer({ minimum: 0 }),
})
export type Agent = Static<typeof Agent>

/** Gives an agent an inbox. Doing it again with the same name answers with the agent that is there. */
export const registerAgent = defineRequest({
  subject: 'rpc.bridge.v1.register-agent',
  request: Type.Object({ requestId: Uuid, name: AgentName }),
  reply: Type.Object({ agent: Agent, created: Type.Boolean() }),
  errors: [],
  timeoutMs: 5_000,
})

/** Whether an agent of the caller's tenant exists. */
export const getAgent = defineRequest({
  subject: 'rpc.bridge.v1.get-agent',
  request: Type.Object({ name: AgentName }),
  reply: Agent,
  errors: ['bridge.agent-not-found'],
  timeoutMs: 2_000,
})

/** The agents of the caller's tenant, sorted by name. */
export const listAgents = defineRequest({
  subject: 'rpc.bridge.v1.list-agents',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    after: Type.Optional(AgentName),
  }),
  reply: Type.Object({ agents: Type.Array(Agent), next: Type.Optional(AgentName) }),
  errors: [],
  timeoutMs: 2_000,
})

/**
 * Accepts a message for one agent of the sender's tenant. The sender is the caller's own identity.
 * `queued` says that it is stored and will be in the inbox; it never says that somebody has read it.
 */
export const sendMessage = defineRequest({
  subject: 'rpc.bridge.v1.send-message',
  request: Type.Object({ requestId: Uuid, to: AgentName, ...MessageFields }),
  reply: Type.Object({ messageId: Uuid, status: Type.Literal('queued') }),
  errors: [
    'bridge.agent-not-found',
    'bridge.text-too-large',
    'bridge.sender-not-an-agent',
    'bridge.inbox-full',
  ],
  timeoutMs: 5_000,
})

/** Accepts a message for every other agent of the sender's tenant, at most 1,000. */
export const broadcastMessage = defineRequest({
  subject: 'rpc.bridge.v1.broadcast-message',
  request: Type.Object({ requestId: Uuid, ...MessageFields }),
  reply: Type.Object({
    messageId: Uuid,
    status: Type.Literal('queued'),
    recipients: Type.Integer({ minimum: 0 }),
  }),
  errors: [
    'bridge.text-too-large',
    'bridge.sender-not-an-agent',
    'bridge.too-many-recipients',
    'bridge.inbox-full',
  ],
  timeoutMs: 10_000,
})

/** Until when an asker waits. */
export const ASK_TIMEOUT_SECONDS_MAX = 120

/**
 * Sends a question and waits for the first message that names it in `replyTo`. When the deadline passes the
 * question stays in the inbox and a later answer arrives in the asker's inbox.
 */
export const askAgent = defineRequest({
  subject: 'rpc.bridge.v1.ask-agent',
  request: Type.Object({
    requestId: Uuid,
    to: AgentName,
    text: Text,
    correlationId: MessageFields.correlationId,
    timeoutSeconds: Type.Integer({ minimum: 1, maximum: ASK_TIMEOUT_SECONDS_MAX }),
  }),
  reply: Type.Object({
    messageId: Uuid,
    /** Absent when the deadline passed. */
    answer: Type.Optional(Type.Object({ messageId: Uuid, from: AgentName, text: Text })),
  }),
  errors: [
    'bridge.agent-not-found',
    'bridge.text-too-large',
    'bridge.sender-not-an-agent',
    'bridge.inbox-full',
  ],
  timeoutMs: (ASK_TIMEOUT_SECONDS_MAX + 5) * 1_000,
})

export const InboxMessage = Type.Object({
  /** Position in this inbox: 1, 2, 3 … without holes, in the order of acceptance. */
  position: Type.Integer({ minimum: 1 }),
  messageId: Uuid,
  from: AgentName,
  kind: Type.Union([Type.Literal('send'), Type.Literal('broadcast'), Type.Literal('ask')]),
  text: Text,
  contentType: ContentType,
  replyTo: Type.Optional(Uuid),
  correlationId: Type.Optional(Type.String()),
  /** An asker waits until then. */
  deadline: Type.Optional(Timestamp),
  sentAt: Timestamp,
  acknowledgedAt: Type.Optional(Timestamp),
})
export type InboxMessage = Static<typeof InboxMessage>

/** The caller's own inbox after a position, oldest first. */
export const listInbox = defineRequest({
  subject: 'rpc.bridge.v1.list-inbox',
  request: Type.Object({
    after: Type.Integer({ minimum: 0 }),
    limit: Type.Integer({ minimum: 1, maximum: 100 }),
    /** Leaves out what is acknowledged. */
    unreadOnly: Type.Boolean(),
  }),
  reply: Type.Object({ messages: Type.Array(InboxMessage), next: Type.Optional(Cursor) }),
  errors: ['bridge.sender-not-an-agent', 'bridge.agent-not-found'],
  timeoutMs: 5_000,
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
        ]),
        acknowledgedAt: Type.Optional(Timestamp),
      }),
      { maxItems: 1_000 },
    ),
  }),
  errors: ['bridge.message-not-found'],
  timeoutMs: 2_000,
})

export const HeartbeatStatus = Type.Union([
  Type.Literal('idle'),
  Type.Literal('busy'),
  Type.Literal('failing'),
])

/** Records that the calling agent is alive: its own heartbeat only (LOCK-MON-1). */
export const recordHeartbeat = defineRequest({
  subject: 'rpc.bridge.v1.record-heartbeat',
  request: Type.Object({
    /** The agent that the caller claims to be; another than the authenticated one is refused. */
    agent: Type.Optional(AgentName),
    status: HeartbeatStatus,
    note: Type.Optional(Type.String({ maxLength: 500 })),
  }),
  reply: Type.Object({ agent: AgentName, lastSeenAt: Timestamp }),
  errors: [
    'bridge.identity-binding-mismatch',
    'bridge.sender-not-an-agent',
    'bridge.agent-not-found',
  ],
  timeoutMs: 2_000,
})

/** Dead letters of every consumer, newest first. */
export const listDeadLetters = defineRequest({
  subject: 'rpc.bridge.v1.list-dead-letters',
  request: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 200 }) }),
  reply: Type.Object({
    deadLetters: Type.Array(
      Type.Object({
        deadLetterId: Uuid,
        service: ServiceName,
        consumer: Type.String(),
        subject: Type.String(),
        reason: Type.String(),
        deliveries: Type.Integer({ minimum: 1 }),
        occurredAt: Timestamp,
        replayedAt: Type.Optional(Timestamp),
      }),
    ),
  }),
  errors: [],
  timeoutMs: 2_000,
})

/** Hands a dead letter to its consumer's handler once more. */
export const replayDeadLetter = defineRequest({
  subject: 'rpc.bridge.v1.replay-dead-letter',
  request: Type.Object({ requestId: Uuid, deadLetterId: Uuid }),
  reply: Type.Object({ deadLetterId: Uuid, replayedAt: Timestamp }),
  errors: ['bridge.dead-letter-not-found', 'bridge.replay-failed'],
  timeoutMs: 10_000,
})

/** A message was accepted: the copy for live consumers, its header `Mumega-To` naming the addressee. */
export const messageAccepted = defineEvent({
  subject: 'bus.bridge.v1.message',
  payload: Type.Object({
    tenantId: TenantId,
    to: Type.Array(AgentName, { minItems: 1, maxItems: 1_000 }),
    messageId: Uuid,
    from: AgentName,
    kind: InboxMessage.properties.kind,
    replyTo: Type.Optional(Uuid),
    sentAt: Timestamp,
  }),
})

export const agentRegistered = defineEvent({
  subject: 'evt.bridge.v1.agent-registered',
  payload: Type.Object({ tenantId: TenantId, name: AgentName }),
})

export const messageAcknowledged = defineEvent({
  subject: 'evt.bridge.v1.message-acknowledged',
  payload: Type.Object({ tenantId: TenantId, agent: AgentName, messageId: Uuid }),
})

/** An agent, or the bridge itself (`service`), is alive. */
export const heartbeatRecorded = defineEvent({
  subject: 'evt.bridge.v1.heartbeat-recorded',
  payload: Type.Object({
    tenantId: TenantId,
    /** `agent:<name>` or `service:<name>`. */
    principal: Type.String({ maxLength: 200 }),
    status: HeartbeatStatus,
    note: Type.Optional(Type.String({ maxLength: 500 })),
    at: Timestamp,
    /** Only the bridge's own: a request through NATS and back, in milliseconds. */
    roundTripMs: Type.Optional(Type.Number({ minimum: 0 })),
  }),
})
