import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { AgentName, Cursor, TenantId, Timestamp, Uuid } from './scalars.ts'

/** The bound on a message's text in UTF-8 bytes; the error that refuses a longer one names it. */
export const TEXT_BYTES_MAX = 16_384

export const ContentType = Type.Union([Type.Literal('text/plain'), Type.Literal('text/markdown')])

/** The bound on a correlation id, in UTF-8 bytes. */
export const CORRELATION_ID_BYTES_MAX = 800

/** The bound on a heartbeat's note, in UTF-8 bytes. */
export const NOTE_BYTES_MAX = 2_000

// No `maxLength`: a schema counts what a reader sees as one character, of any number of bytes. The
// bridge counts bytes, and its error names the field, the limit and the size.
const Text = Type.String({ minLength: 1 })

export const MessageFields = {
  /**
   * At most TEXT_BYTES_MAX bytes; any Unicode text without U+0000 and without half surrogate pairs.
   */
  text: Text,
  contentType: Type.Optional(ContentType),
  /** The message this one answers: one that the sender has received or sent. */
  replyTo: Type.Optional(Uuid),
  /** The sender's own id for a conversation or a task, at most CORRELATION_ID_BYTES_MAX bytes. */
  correlationId: Type.Optional(Type.String({ minLength: 1 })),
}

/** Of a message that is worth nothing after a time. Without it a message waits for ever. */
const ExpiresAt = Type.Optional(Timestamp)

/** What may be wrong with any message, beside its addressee. */
const EXPIRY_ERRORS = ['bridge.invalid-time', 'bridge.expired-already'] as const
const MESSAGE_ERRORS = [
  'bridge.text-too-large',
  'bridge.invalid-text',
  'bridge.sender-not-an-agent',
  'bridge.agent-not-found',
  'bridge.inbox-full',
] as const
export const ADDRESSED_ERRORS = [...MESSAGE_ERRORS, 'bridge.send-not-allowed'] as const

/**
 * How present an agent is, by what it does and not by a process that is up: `active` has worked
 * just now, or is at a run; `idle` was heard of just now and has nothing to do; `dormant` leaves
 * its mail unread, or was not heard of for a while; `dead` was not heard of for long.
 */
export const Presence = Type.Union([
  Type.Literal('active'),
  Type.Literal('idle'),
  Type.Literal('dormant'),
  Type.Literal('dead'),
])
export type Presence = Static<typeof Presence>

export const Agent = Type.Object({
  tenantId: TenantId,
  name: AgentName,
  registeredAt: Timestamp,
  presence: Presence,
  /** Of its last heartbeat. Absent until its first. */
  lastSeenAt: Type.Optional(Timestamp),
  /** When it last acknowledged a message or ended a run with success. */
  lastWorkAt: Type.Optional(Timestamp),
  /** Runs that have begun and not ended. */
  openRuns: Type.Integer({ minimum: 0 }),
  lastRun: Type.Optional(
    Type.Object({
      runId: Uuid,
      outcome: Type.Union([Type.Literal('success'), Type.Literal('fail')]),
      endedAt: Timestamp,
      /** From its start, where that was heard of. */
      durationMs: Type.Optional(Type.Integer({ minimum: 0 })),
    }),
  ),
  /** Messages in its inbox that are not settled. */
  unread: Type.Integer({ minimum: 0 }),
  /** When the oldest of them was sent. */
  oldestUnreadAt: Type.Optional(Timestamp),
})
export type Agent = Static<typeof Agent>

/**
 * Gives an agent an inbox. Doing it again with the same name answers with the agent that is there.
 */
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
 * `queued` says that it is stored and will be in the inbox; it never says that somebody has read
 * it.
 */
export const sendMessage = defineRequest({
  subject: 'rpc.bridge.v1.send-message',
  request: Type.Object({ requestId: Uuid, to: AgentName, ...MessageFields, expiresAt: ExpiresAt }),
  reply: Type.Object({ messageId: Uuid, status: Type.Literal('queued') }),
  errors: [...ADDRESSED_ERRORS, ...EXPIRY_ERRORS, 'bridge.message-not-found'],
  timeoutMs: 5_000,
})

/**
 * The most agents that one broadcast reaches; one that its tenant's send policy lets reach more is
 * refused, and none is left out.
 */
export const BROADCAST_RECIPIENTS_MAX = 1_000

/**
 * Accepts a message for every other agent of the sender's tenant to whom its send policy lets it
 * broadcast: for all of them or, when one inbox is full, for none.
 */
export const broadcastMessage = defineRequest({
  subject: 'rpc.bridge.v1.broadcast-message',
  request: Type.Object({ requestId: Uuid, ...MessageFields, expiresAt: ExpiresAt }),
  reply: Type.Object({
    messageId: Uuid,
    status: Type.Literal('queued'),
    recipients: Type.Integer({ minimum: 0 }),
  }),
  errors: [
    ...MESSAGE_ERRORS,
    ...EXPIRY_ERRORS,
    'bridge.message-not-found',
    'bridge.too-many-recipients',
  ],
  timeoutMs: 10_000,
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
  /** From then on it is delivered no more, unless it is acknowledged before. */
  expiresAt: ExpiresAt,
  acknowledgedAt: Type.Optional(Timestamp),
  deadLetteredAt: Type.Optional(Timestamp),
})
export type InboxMessage = Static<typeof InboxMessage>

/**
 * The caller's own inbox after a position, oldest first. A page may hold fewer messages than
 * `limit`: it ends where its bytes would not fit into one reply. `next` is there when more is; it
 * is the `after` of the next page.
 */
export const listInbox = defineRequest({
  subject: 'rpc.bridge.v1.list-inbox',
  request: Type.Object({
    after: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    limit: Type.Integer({ minimum: 1, maximum: 100 }),
    /** Leaves out what is settled: acknowledged, expired, or a dead letter. */
    unreadOnly: Type.Boolean(),
  }),
  reply: Type.Object({ messages: Type.Array(InboxMessage), next: Type.Optional(Cursor) }),
  errors: ['bridge.sender-not-an-agent', 'bridge.agent-not-found'],
  timeoutMs: 5_000,
})

export const HeartbeatStatus = Type.Union([
  Type.Literal('idle'),
  Type.Literal('busy'),
  Type.Literal('failing'),
])
export type HeartbeatStatus = Static<typeof HeartbeatStatus>

export const Run = Type.Object({
  runId: Uuid,
  signal: Type.Union([Type.Literal('start'), Type.Literal('success'), Type.Literal('fail')]),
})
export type Run = Static<typeof Run>

/** The most runs that an agent has begun and not ended; those of more than three days are over. */
export const RUNS_OPEN_MAX = 100

/** Records that the calling agent is alive: its own heartbeat only (LOCK-MON-1). */
export const recordHeartbeat = defineRequest({
  subject: 'rpc.bridge.v1.record-heartbeat',
  request: Type.Object({
    /** The agent that the caller claims to be; another than the authenticated one is refused. */
    agent: Type.Optional(AgentName),
    /** Default: what `run` says. Busy at its start, idle after success, failing after a fail. */
    status: Type.Optional(HeartbeatStatus),
    /** At most NOTE_BYTES_MAX bytes. */
    note: Type.Optional(Type.String()),
    /** One piece of work, which the agent names itself. */
    run: Type.Optional(Run),
  }),
  reply: Type.Object({ agent: AgentName, lastSeenAt: Timestamp }),
  errors: [
    'bridge.too-many-runs',
    'bridge.identity-binding-mismatch',
    'bridge.sender-not-an-agent',
    'bridge.agent-not-found',
    'bridge.text-too-large',
    'bridge.invalid-text',
  ],
  timeoutMs: 2_000,
})

/**
 * A message was accepted: the copy that wakes live readers, who then read the inbox. Its header
 * `Mumega-To` names the addressee, or is `*` for a broadcast. A broadcast that reaches nobody has
 * no copy.
 */
export const messageAccepted = defineEvent({
  subject: 'bus.bridge.v1.message',
  payload: Type.Object({
    tenantId: TenantId,
    to: Type.Array(AgentName, { minItems: 1, maxItems: BROADCAST_RECIPIENTS_MAX }),
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

/** An agent, or the bridge itself (`service`), is alive. */
export const heartbeatRecorded = defineEvent({
  subject: 'evt.bridge.v1.heartbeat-recorded',
  payload: Type.Object({
    tenantId: TenantId,
    /** `agent:<name>` or `service:<name>`. */
    principal: Type.String({ maxLength: 200 }),
    status: HeartbeatStatus,
    note: Type.Optional(Type.String()),
    run: Type.Optional(Run),
    at: Timestamp,
    /** Only the bridge's own: a request through NATS and back, in milliseconds. */
    roundTripMs: Type.Optional(Type.Number({ minimum: 0 })),
  }),
})
