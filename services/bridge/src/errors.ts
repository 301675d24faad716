import { RUNS_OPEN_MAX } from '@mumega/contracts/bridge'
import { BODIES_MAX } from '@mumega/contracts/deliveries'
import { AppError } from '@mumega/errors'
import type { Sending } from './send-policy/send-policy.ts'

/** The same for a name that nobody has and for one that only another tenant has. */
export function agentNotFound(agent: string): AppError {
  return new AppError(
    'bridge.agent-not-found',
    'not-found',
    `There is no agent "${agent}" in this tenant. Check the name, or register the agent first.`,
    { details: { agent } },
  )
}

/** `actualBytes` counts UTF-8. */
export function textTooLarge(size: {
  field: string
  limitBytes: number
  actualBytes: number
}): AppError {
  return new AppError(
    'bridge.text-too-large',
    'too-large',
    `${size.field} is ${size.actualBytes} bytes of UTF-8; ${size.limitBytes} bytes is the limit.`,
    { details: size },
  )
}

export function invalidText(field: string, what: string): AppError {
  return new AppError(
    'bridge.invalid-text',
    'invalid',
    `${field} holds ${what}, which cannot be stored unchanged. Remove it.`,
    { details: { field } },
  )
}

export function invalidTime(field: string): AppError {
  return new AppError(
    'bridge.invalid-time',
    'invalid',
    `${field} is no date of the calendar. Write it as 2026-01-31T12:00:00.000Z.`,
    { details: { field } },
  )
}

export function senderNotAnAgent(): AppError {
  return new AppError(
    'bridge.sender-not-an-agent',
    'forbidden',
    'Only an agent has an inbox and sends messages. Use an agent’s token.',
  )
}

export function identityBindingMismatch(claimed: string): AppError {
  return new AppError(
    'bridge.identity-binding-mismatch',
    'forbidden',
    `This token is not the agent "${claimed}". An agent speaks for itself only.`,
    { details: { claimed } },
  )
}

export function inboxFull(agent: string, limitUnread: number): AppError {
  return new AppError(
    'bridge.inbox-full',
    'conflict',
    `The inbox of "${agent}" holds ${limitUnread} unacknowledged messages and takes no more. ` +
      'Nothing was sent.',
    { details: { agent, limitUnread } },
  )
}

export function tooManyRecipients(limit: number): AppError {
  return new AppError(
    'bridge.too-many-recipients',
    'conflict',
    `You may broadcast to more than ${limit} agents of this tenant; a broadcast reaches ${limit} ` +
      'at most. Nothing was sent. Send to each that matters.',
    { details: { limit } },
  )
}

/**
 * The same for an id that nobody has, for another tenant's, and for one that is not the caller's to
 * see.
 */
export function messageNotFound(messageId: string): AppError {
  return new AppError(
    'bridge.message-not-found',
    'not-found',
    `There is no message ${messageId} for this caller.`,
    { details: { messageId } },
  )
}

/** `whose` ends a sentence about questions: `of this agent`. */
export function tooManyAsks(whose: string, limit: number): AppError {
  return new AppError(
    'bridge.too-many-asks',
    'limited',
    `${limit} questions ${whose} wait for their answers, which is the most. Nothing was sent. ` +
      'Wait until one is answered or its time is over, or send a message and read the answer in ' +
      'the inbox.',
    { details: { limit } },
  )
}

/** It is nobody's fault who asks. */
export function asksFull(limit: number): AppError {
  return new AppError(
    'bridge.asks-full',
    'unavailable',
    `${limit} questions wait for their answers already, as many as can. Nothing was sent; try ` +
      'again in some seconds, or send a message and read the answer in the inbox.',
    { details: { limit } },
  )
}

export function askInterrupted(messageId: string, cause?: unknown): AppError {
  return new AppError(
    'bridge.ask-interrupted',
    'unavailable',
    'The question was sent, but the wait for its answer was interrupted. Ask again with the same ' +
      'request id, or idempotency key, to go on waiting.',
    { cause, details: { messageId } },
  )
}

export function operatorsOnly(): AppError {
  return new AppError('bridge.operators-only', 'forbidden', 'This is for operators only.')
}

export function invalidCursor(): AppError {
  return new AppError(
    'bridge.invalid-cursor',
    'invalid',
    'This is not a cursor of this list. Start again without one.',
  )
}

export function deadLetterNotFound(deadLetterId: string): AppError {
  return new AppError(
    'bridge.dead-letter-not-found',
    'not-found',
    `There is no dead letter ${deadLetterId}.`,
    { details: { deadLetterId } },
  )
}

/** `failure` is the code with which the consumer's service, or the bus, refused. */
export function replayFailed(deadLetterId: string, failure: string): AppError {
  return new AppError(
    'bridge.replay-failed',
    'conflict',
    `The dead letter was not taken (${failure}) and is kept. Mend the cause, then replay it ` +
      'with a new request id.',
    { details: { deadLetterId, failure } },
  )
}

export function expiredAlready(expiresAt: Date, now: Date): AppError {
  return new AppError(
    'bridge.expired-already',
    'invalid',
    `expiresAt is ${expiresAt.toISOString()}, which is over: it is ${now.toISOString()}. Name a ` +
      'later time, or none: then the message waits for ever.',
    { details: { field: 'expiresAt', expiresAt: expiresAt.toISOString() } },
  )
}

export function tooManyBodies(agent: string): AppError {
  return new AppError(
    'bridge.too-many-bodies',
    'conflict',
    `The agent "${agent}" has ${BODIES_MAX} bodies and gets no more. Forget one that is gone.`,
    { details: { agent, limit: BODIES_MAX } },
  )
}

export function leaseLost({ messageId, body }: { messageId: string; body: string }): AppError {
  return new AppError(
    'bridge.lease-lost',
    'conflict',
    `The body "${body}" does not hold message ${messageId}: its lease has ended, or the message ` +
      'is settled. Receive again to see what is to be done.',
    { details: { messageId, body } },
  )
}

export function messageSettled({ messageId, was }: { messageId: string; was: string }): AppError {
  return new AppError(
    'bridge.message-settled',
    'conflict',
    `Message ${messageId} is ${was} already. Nothing was changed.`,
    { details: { messageId, was } },
  )
}

export function notADeadLetter(messageId: string): AppError {
  return new AppError(
    'bridge.not-a-dead-letter',
    'conflict',
    `Message ${messageId} is no dead letter of this agent. Nothing was changed.`,
    { details: { messageId } },
  )
}

/** Nobody else is named: `to` is an agent that the sender may know of. */
export function sendNotAllowed({ from, to, kind }: Sending): AppError {
  return new AppError(
    'bridge.send-not-allowed',
    'forbidden',
    `The send policy of this tenant does not allow a message (${kind}) from "${from}" to "${to}". ` +
      'Nothing was sent. Write to an agent that you may write to, or have an operator change ' +
      'the policy. Answers to a message, with its id in `replyTo`, are always allowed.',
    { details: { from, to, kind } },
  )
}

export function sendPolicyChanged(replacesVersion: number, currentVersion: number): AppError {
  return new AppError(
    'bridge.send-policy-changed',
    'conflict',
    `The send policy has version ${currentVersion}, and not ${replacesVersion} as ` +
      'replacesVersion says. Nothing was changed. Read it again, and decide anew.',
    { details: { field: 'replacesVersion', replacesVersion, currentVersion } },
  )
}

export function tooManyRuns(agent: string): AppError {
  return new AppError(
    'bridge.too-many-runs',
    'conflict',
    `The agent "${agent}" has ${RUNS_OPEN_MAX} runs that have not ended, and begins no other. End ` +
      'those that are over with `success` or `fail`.',
    { details: { agent, limit: RUNS_OPEN_MAX } },
  )
}
