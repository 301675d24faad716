import { Type } from 'typebox'
import { ADDRESSED_ERRORS, MessageFields } from './bridge.ts'
import { defineEvent, defineRequest } from './define.ts'
import { AgentName, TenantId, Uuid } from './scalars.ts'

/** The longest time for which an asker may wait. */
export const ASK_TIMEOUT_SECONDS_MAX = 120

/**
 * Sends a question and waits for the asked agent's first message to the asker that names it in
 * `replyTo`. The answer is in the asker's inbox too. When the deadline passes the question stays
 * where it is, and a later answer only arrives in the asker's inbox. The same `requestId` again
 * does not ask again: it goes on waiting until the first call's deadline, which is how an asker
 * resumes after `bridge.ask-interrupted`.
 */
export const askAgent = defineRequest({
  subject: 'rpc.bridge.v1.ask-agent',
  request: Type.Object({
    requestId: Uuid,
    to: AgentName,
    text: MessageFields.text,
    correlationId: MessageFields.correlationId,
    /** Seconds of the system's time. */
    timeoutSeconds: Type.Integer({ minimum: 1, maximum: ASK_TIMEOUT_SECONDS_MAX }),
    /** Names this one wait for `askAbandoned`; the same request again is another wait. */
    waitId: Type.Optional(Uuid),
  }),
  reply: Type.Object({
    messageId: Uuid,
    /** Absent when the deadline passed. */
    answer: Type.Optional(
      Type.Object({ messageId: Uuid, from: AgentName, text: MessageFields.text }),
    ),
  }),
  errors: [
    ...ADDRESSED_ERRORS,
    'bridge.too-many-asks',
    'bridge.asks-full',
    'bridge.ask-interrupted',
  ],
  timeoutMs: (ASK_TIMEOUT_SECONDS_MAX + 5) * 1_000,
})

/**
 * Nobody waits for the answer to an ask any more: who asked has gone, or may not have it. Heard to
 * give the place of the wait to others; where it is not heard, the wait ends at its deadline.
 */
export const askAbandoned = defineEvent({
  subject: 'evt.gateway.v1.ask-abandoned',
  payload: Type.Object({ tenantId: TenantId, waitId: Uuid }),
})
