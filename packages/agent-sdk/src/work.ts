import { every } from '@mumega/config/every'
import { LEASE_SECONDS, type ReceivedMessage } from '@mumega/contracts/deliveries'
import { invalidOption } from './errors.ts'
import { backOffMs } from './gateway.ts'
import { acknowledge, beat, hold, receive, reject, sendReply, type Inbox } from './inbox.ts'
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
  /** How many messages are worked on at once, where the rate allows it. Default 1, at most 100. */
  concurrency?: number
  /** Ends the work: nothing more is received, and what has begun is finished. */
  signal?: AbortSignal
  /** Gets what a handler threw; the message comes again later. What it throws ends the work. */
  onFailure?: (error: unknown, message: ReceivedMessage) => unknown
}

export interface Worker extends Inbox {
  journal: Journal
}

const HEARTBEAT_MS = 60_000
// Shorter work says of itself by being acknowledged that it was done.
const RUN_REPORTED_MS = 5_000
// An empty answer that comes sooner has not waited for anything.
const WAITED_MS_MIN = 1_000

/**
 * Receives messages and hands them to `handler` until the signal: acknowledged when it returns,
 * given up when it throws a `Rejection`, and delivered again, later each time, when it throws
 * anything else. Sends a heartbeat each minute. Outlives a gateway that is away.
 *
 * @throws what ends it: a token that is no more, a scope that is missing, what `onFailure` throws
 */
export async function workOn(
  worker: Worker,
  handler: Handler,
  options: WorkOptions,
): Promise<void> {
  const { signal } = options
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted === true) stop()
  const busy = new Map<string, Promise<void>>()
  const failures: unknown[] = []
  const begin = (message: ReceivedMessage) => {
    const { messageId, leaseUntil } = message
    // What another body has settled needs nothing of this one; the other is one of a lease that
    // ended while the process was asleep.
    if (leaseUntil === undefined || busy.has(messageId)) return
    const done = handle({ worker, handler, options }, message).catch((error: unknown) => {
      failures.push(error)
      stop()
    })
    const settled = done.finally(() => busy.delete(messageId))
    busy.set(messageId, settled)
  }
  const heart = every(HEARTBEAT_MS, () => beat(worker, {}).catch(() => undefined))
  try {
    await receiveAll(worker, { ...options, signal: stopping.signal, busy, begin })
  } catch (error) {
    if (!stopping.signal.aborted) throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    await Promise.allSettled(busy.values())
    await heart.stop()
  }
  if (failures.length > 0) throw failures[0]
}

interface Receiving {
  concurrency?: number
  signal: AbortSignal
  busy: ReadonlyMap<string, Promise<void>>
  begin: (message: ReceivedMessage) => void
}

/** Receives until the signal, never more than can be worked on, and held, at once. */
async function receiveAll(worker: Worker, receiving: Receiving): Promise<void> {
  const { concurrency = 1, signal, busy, begin } = receiving
  const { time, rate } = worker.gateway
  let emptyAnswers = 0
  while (!signal.aborted) {
    const limit = Math.min(concurrency - busy.size, rate.room())
    if (limit < 1) {
      await untilRoom(worker, receiving)
      continue
    }
    const askedMs = time.nowMs()
    const messages = await receive(worker, { limit, signal })
    for (const message of messages) begin(message)
    const hasWaited = messages.length > 0 || time.nowMs() - askedMs >= WAITED_MS_MIN
    emptyAnswers = hasWaited ? 0 : emptyAnswers + 1
    if (emptyAnswers > 0) await time.pause(backOffMs(emptyAnswers), signal)
  }
}

async function untilRoom(
  { gateway: { rate } }: Worker,
  { busy, signal }: Receiving,
): Promise<void> {
  const waiting = new AbortController()
  const next = rate.untilNext(AbortSignal.any([signal, waiting.signal])).catch(() => undefined)
  await Promise.race([next, ...busy.values()])
  waiting.abort()
}

interface Job {
  worker: Worker
  handler: Handler
  options: WorkOptions
}

/**
 * What becomes of one message does not end the work on the others.
 *
 * @throws what `onFailure` throws
 */
async function handle(job: Job, message: ReceivedMessage): Promise<void> {
  const { worker, options } = job
  const { messageId } = message
  const { rate } = worker.gateway
  rate.held += 1
  try {
    if (!worker.journal.has(messageId)) await runHandler(job, message)
    await acknowledge(worker, messageId)
  } catch (error) {
    await options.onFailure?.(error, message)
    if (!(error instanceof Rejection)) return
    await reject(worker, { messageId, reason: error.message }).catch((cause: unknown) =>
      options.onFailure?.(cause, message),
    )
  } finally {
    rate.held -= 1
  }
}

async function runHandler({ worker, handler }: Job, message: ReceivedMessage): Promise<void> {
  const { messageId, attempt = 1 } = message
  const lease = keepLease({
    time: worker.gateway.time,
    grantedMs: (LEASE_SECONDS[attempt - 1] ?? LEASE_SECONDS[0]) * 1_000,
    hold: (withinMs) => hold(worker, { messageId, attempt, withinMs }),
  })
  const reported = reportRun(worker, messageId)
  let replies = 0
  const reply = async (text: string) => {
    replies += 1
    await sendReply(worker, message, { text, nth: replies, signal: lease.signal })
  }
  try {
    await handler({ ...message, signal: lease.signal, reply })
    // Before it is told, which may take long: what is done is not done again after a crash.
    await worker.journal.add(messageId)
    await reported.end('success')
  } catch (error) {
    await reported.end('fail')
    throw error
  } finally {
    lease.end()
  }
}

/**
 * Says of work that takes a while that it has begun, and how it ended; unless there are hardly
 * requests enough for what keeps the messages.
 */
function reportRun({ gateway, ...inbox }: Worker, runId: string) {
  const { time, rate } = gateway
  const tell = (signal: 'start' | 'success' | 'fail') =>
    beat({ gateway, ...inbox }, { run: { runId, signal } })
  const quick = new AbortController()
  // Whether it is told. What watches the agent must not keep it from its work.
  const started = time
    .pause(RUN_REPORTED_MS, quick.signal)
    .then(() => (rate.room() < 1 ? false : tell('start').then(() => true)))
    // Here, and not where it is awaited: nobody may wait for it when it fails.
    .catch(() => false)
  return {
    async end(signal: 'success' | 'fail'): Promise<void> {
      quick.abort()
      const isTold = await started
      if (!isTold && (signal === 'success' || rate.room() < 1)) return
      await tell(signal).catch(() => undefined)
    },
  }
}

/** For a setting that no work can be done with. */
export function checkConcurrency({ concurrency = 1 }: WorkOptions): void {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 100) return
  throw invalidOption('concurrency', 'is a whole number from 1 to 100')
}
