import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { every } from '@mumega/config/every'
import {
  acknowledgeMessage,
  holdMessage,
  receiveMessages,
  rejectMessage,
  type ReceivedMessage,
} from '@mumega/contracts/deliveries'
import { recordHeartbeat, sendMessage } from '@mumega/contracts/bridge'
import type { RequestOf } from '@mumega/contracts/define'
import { AppError, isAppError } from '@mumega/errors'
import { askGateway, type GatewayOptions } from './gateway.ts'
import type { Journal } from './journal.ts'
import { keepLease } from './lease.ts'

/** What a handler is given. */
export interface Work extends ReceivedMessage {
  /** Aborted when the message is not this process's to deal with any more. */
  readonly signal: AbortSignal
  /**
   * Answers the sender. The first, the second … reply of a body to a message is sent once, also
   * when the message comes again after a crash, whatever the text then is.
   */
  reply(text: string): Promise<void>
}

export type Handler = (work: Work) => Promise<void> | void

/** Thrown by a handler to give a message up: it becomes a dead letter with this reason. */
export class Rejection extends Error {}

export interface WorkOptions {
  /** How many messages are worked on at once. Default 1. */
  concurrency?: number
  /** Ends the work: nothing more is received, and what has begun is finished. */
  signal?: AbortSignal
  /** Gets what a handler threw; the message comes again later. */
  onFailure?: (error: unknown, message: ReceivedMessage) => void
}

export interface Worker {
  gateway: GatewayOptions
  body: string
  journal: Journal
}

const WAIT_SECONDS = 25
const HOLD_SECONDS = 120
const HEARTBEAT_MS = 60_000
// Shorter work says of itself by being acknowledged that it was done.
const RUN_REPORTED_MS = 5_000
// Some two minutes. Afterwards it comes again, is found in the journal and only acknowledged.
const ACK_TRIES = 12
const REASON_CHARACTERS_MAX = 400
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Receives messages and hands them to `handler` until the signal: acknowledged when it returns,
 * given up when it throws a `Rejection`, and delivered again, later each time, when it throws
 * anything else. Sends a heartbeat each minute. Outlives a gateway that is away.
 *
 * @throws what ends it: a token that is no more, or a scope that is missing
 */
export async function workOn(
  worker: Worker,
  handler: Handler,
  options: WorkOptions,
): Promise<void> {
  const { concurrency = 1, signal } = options
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted === true) stop()
  const busy = new Map<string, Promise<void>>()
  const heart = every(HEARTBEAT_MS, () => beat(worker, {}).catch(() => undefined))
  try {
    while (!stopping.signal.aborted) {
      if (busy.size >= concurrency) {
        await Promise.race(busy.values())
        continue
      }
      const limit = concurrency - busy.size
      for (const message of await receive(worker, { limit, signal: stopping.signal })) {
        const { messageId } = message
        // Of a lease that ended while the process was asleep.
        if (busy.has(messageId)) continue
        const done = handle({ worker, handler, options }, message)
        const settled = done.finally(() => busy.delete(messageId))
        busy.set(messageId, settled)
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    await Promise.allSettled(busy.values())
    await heart.stop()
  }
}

async function receive(
  { gateway, body }: Worker,
  { limit, signal }: { limit: number; signal: AbortSignal },
): Promise<ReceivedMessage[]> {
  try {
    const { messages } = await askGateway(gateway, {
      method: 'POST',
      path: '/v1/inbox/receive',
      // Asked again because an answer was lost, it is given the same messages.
      body: { body, limit, claimId: randomUUID(), waitSeconds: WAIT_SECONDS },
      reply: receiveMessages.reply,
      timeoutMs: (WAIT_SECONDS + 15) * 1_000,
      tries: Infinity,
      signal,
    })
    // What another body has settled needs nothing of this one.
    return messages.filter(({ leaseUntil }) => leaseUntil !== undefined)
  } catch (error) {
    if (signal.aborted) return []
    throw error
  }
}

interface Job {
  worker: Worker
  handler: Handler
  options: WorkOptions
}

/** Never throws: what becomes of one message does not end the work on the others. */
async function handle(job: Job, message: ReceivedMessage): Promise<void> {
  const { worker, options } = job
  const { messageId } = message
  try {
    if (!worker.journal.has(messageId)) {
      await runHandler(job, message)
      await worker.journal.add(messageId)
    }
    await acknowledge(worker, messageId)
  } catch (error) {
    options.onFailure?.(error, message)
    if (!(error instanceof Rejection)) return
    await reject(worker, messageId, error).catch((cause: unknown) =>
      options.onFailure?.(cause, message),
    )
  }
}

async function runHandler({ worker, handler }: Job, message: ReceivedMessage): Promise<void> {
  const { messageId, leaseUntil = '' } = message
  const lease = keepLease({ leaseUntil, hold: () => hold(worker, messageId) })
  const reported = reportRun(worker, messageId)
  let replies = 0
  const reply = async (text: string) => {
    replies += 1
    await sendReply(worker, message, { text, nth: replies, signal: lease.signal })
  }
  try {
    await handler({ ...message, signal: lease.signal, reply })
    await reported.end('success')
  } catch (error) {
    await reported.end('fail')
    throw error
  } finally {
    lease.end()
  }
}

/** Says of work that takes a while that it has begun, and how it ended. */
function reportRun(worker: Worker, runId: string) {
  const quick = new AbortController()
  const started = pause(RUN_REPORTED_MS, undefined, { signal: quick.signal }).then(
    () => beat(worker, { run: { runId, signal: 'start' } }).then(() => true),
    () => false,
  )
  return {
    async end(signal: 'success' | 'fail'): Promise<void> {
      quick.abort()
      const isTold = await started.catch(() => false)
      if (!isTold && signal === 'success') return
      // What watches the agent must not keep it from its work.
      await beat(worker, { run: { runId, signal } }).catch(() => undefined)
    },
  }
}

async function beat({ gateway }: Worker, body: RequestOf<typeof recordHeartbeat>): Promise<void> {
  const path = '/v1/heartbeats'
  await askGateway(gateway, { method: 'POST', path, body, reply: recordHeartbeat.reply, tries: 2 })
}

async function hold({ gateway, body }: Worker, messageId: string): Promise<string> {
  const { leaseUntil } = await askGateway(gateway, {
    method: 'POST',
    path: `/v1/inbox/${messageId}/hold`,
    body: { body, seconds: HOLD_SECONDS },
    reply: holdMessage.reply,
    tries: 1,
  })
  return leaseUntil
}

async function acknowledge({ gateway }: Worker, messageId: string): Promise<void> {
  await askGateway(gateway, {
    method: 'POST',
    path: `/v1/inbox/${messageId}/ack`,
    idempotencyKey: `ack/${messageId}`,
    reply: acknowledgeMessage.reply,
    tries: ACK_TRIES,
  })
}

async function reject(
  { gateway }: Worker,
  messageId: string,
  { message }: Rejection,
): Promise<void> {
  const reason = storable(message) || 'the agent gave no reason'
  await askGateway(gateway, {
    method: 'POST',
    path: `/v1/inbox/${messageId}/reject`,
    body: { reason },
    reply: rejectMessage.reply,
  })
}

/** What of a reason the gateway takes: not too long, and no halves of characters, nor U+0000. */
function storable(reason: string): string {
  const characters = [...reason].filter((one) => one !== '\0' && !LONE_SURROGATE.test(one))
  return characters.slice(0, REASON_CHARACTERS_MAX).join('')
}

async function sendReply(
  { gateway, body }: Worker,
  { messageId, from }: ReceivedMessage,
  { text, nth, signal }: { text: string; nth: number; signal: AbortSignal },
): Promise<void> {
  try {
    await askGateway(gateway, {
      method: 'POST',
      path: '/v1/messages',
      body: { to: from, text, replyTo: messageId },
      idempotencyKey: `reply/${body}/${messageId}/${nth}`,
      reply: sendMessage.reply,
      // As long as the message is ours: else the work would be done again for a gateway's restart.
      tries: Infinity,
      signal,
    })
  } catch (error) {
    // Before a crash the same reply was sent, in other words.
    if (isAppError(error) && error.code === 'gateway.idempotency-key-reused') return
    throw error
  }
}

/** For a setting that no work can be done with. */
export function checkConcurrency({ concurrency = 1 }: WorkOptions): void {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 100) return
  throw new AppError(
    'agent-sdk.invalid-option',
    'invalid',
    'concurrency is a whole number from 1 to 100.',
    { details: { field: 'concurrency' } },
  )
}
