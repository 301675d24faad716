import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node'
import { pullSubjectOf } from '@mumega/bus/streams'

/** One message of the stream, not yet acknowledged. */
export interface Pulled {
  readonly subject: string
  readonly bytes: Uint8Array
  /** 1 at the first. */
  readonly deliveries: number
  ack(): void
  /** The server waits anew for the acknowledgement. */
  working(): void
  /** Hands it back, to be delivered again after `delayMs`. */
  nak(delayMs: number): void
}

export interface PullOptions {
  /** The service whose inbox it is. */
  readonly service: string
  readonly stream: string
  readonly consumer: string
  /** Of one request. */
  readonly messagesMax: number
  readonly bytesMax: number
  /**
   * Milliseconds after which the server forgets a request, and is asked again; at most 30 s. What
   * it sends to a process that stands still comes back only after the consumer's `ackWaitMs`.
   */
  readonly expiresMs: number
  /** Whether another request's worth of messages can be taken. */
  hasRoom(): boolean
  onMessage(message: Pulled): void
  /** A message could not even be handed over; it was handed back. Must not throw. */
  onFailure(error: unknown): void
}

export interface Pull {
  /** There may be room again. */
  look(): void
  /** The connection was lost, and with it what the server knew of the last request. */
  restart(): void
  /** Asks for nothing more. Resolves when everything that was on its way has been handed over. */
  stop(): Promise<void>
}

const EXPIRES_MS_MAX = 30_000
// The server shows so often that it is still there.
const HEARTBEAT_MS_MAX = 5_000
const SILENCE_MS_MAX = 12_000
const RETRY_MS = 10_000
const NANOS_PER_MS = 1_000_000
const ACK = Buffer.from('+ACK')
const WORKING = Buffer.from('+WPI')

/**
 * Pulls from a durable consumer, one request at a time (NATS ADR-15, ADR-9 for the heartbeats). By
 * hand, because the client's own `consume` bounds either messages or bytes, and asks for more when
 * messages arrive, not when they were dealt with: 4,096 messages of 512 KiB would be in memory.
 */
export function startPull(connection: NatsConnection, options: PullOptions): Pull {
  const inbox = createInbox(`_INBOX_${options.service}`)
  const subject = pullSubjectOf({ stream: options.stream, name: options.consumer })
  const { request, heartbeatMs } = requestOf(options)
  let serial = 0
  let missing = 0
  let heardAtMs = 0
  let isStopped = false

  function look(): void {
    if (isStopped || missing > 0 || connection.isClosed() || !options.hasRoom()) return
    serial += 1
    missing = options.messagesMax
    heardAtMs = performance.now()
    connection.publish(subject, request, { reply: `${inbox}.${serial}` })
  }

  function onMessage(message: Msg): void {
    heardAtMs = performance.now()
    if (message.subject.startsWith(inbox)) {
      // Of an earlier request, which was given up; or a heartbeat; otherwise the end of this
      // request.
      const isCurrent = message.subject === `${inbox}.${serial}`
      if (isCurrent && message.headers?.code !== 100) missing = 0
    } else {
      missing = Math.max(0, missing - 1)
      handOver(message)
    }
    look()
  }

  // The client ends a subscription whose callback throws: the ledger would go deaf for ever.
  function handOver(message: Msg): void {
    try {
      options.onMessage(pulledOf(message, connection))
    } catch (error) {
      options.onFailure(error)
      respond(connection, message, notAcknowledged(RETRY_MS))
    }
  }

  const subscription = connection.subscribe(`${inbox}.*`, {
    callback(error, message) {
      if (error === null) onMessage(message)
    },
  })
  // A request that a restarted server forgot is never answered.
  const watch = setInterval(() => {
    if (performance.now() - heardAtMs > SILENCE_MS_MAX) missing = 0
    look()
  }, heartbeatMs)
  look()
  return {
    look,
    restart() {
      missing = 0
      look()
    },
    async stop() {
      isStopped = true
      clearInterval(watch)
      // On a connection that is closed meanwhile the end of the drain may never be told.
      if (!subscription.isClosed()) await Promise.race([subscription.drain(), connection.closed()])
    },
  }
}

function requestOf(options: PullOptions): { request: string; heartbeatMs: number } {
  const expiresMs = Math.min(EXPIRES_MS_MAX, options.expiresMs)
  // The server refuses a request that expires before its second heartbeat.
  const heartbeatMs = Math.min(HEARTBEAT_MS_MAX, Math.floor(expiresMs / 2))
  const request = JSON.stringify({
    batch: options.messagesMax,
    max_bytes: options.bytesMax,
    expires: expiresMs * NANOS_PER_MS,
    idle_heartbeat: heartbeatMs * NANOS_PER_MS,
  })
  return { request, heartbeatMs }
}

function pulledOf(message: Msg, connection: NatsConnection): Pulled {
  return {
    subject: message.subject,
    bytes: message.data,
    deliveries: deliveriesOf(message.reply ?? ''),
    ack: () => {
      respond(connection, message, ACK)
    },
    working: () => {
      respond(connection, message, WORKING)
    },
    nak: (delayMs) => {
      respond(connection, message, notAcknowledged(delayMs))
    },
  }
}

/** What cannot be said any more needs not be: the message comes again by itself. */
function respond(connection: NatsConnection, message: Msg, answer: Uint8Array): void {
  if (!connection.isClosed()) message.respond(answer)
}

function notAcknowledged(delayMs: number): Uint8Array {
  return Buffer.from(`-NAK ${JSON.stringify({ delay: delayMs * NANOS_PER_MS })}`)
}

// $JS.ACK.<stream>.<consumer>.<deliveries>.…, or with <domain>.<account> before the stream (NATS
// ADR-15).
function deliveriesOf(reply: string): number {
  const tokens = reply.split('.')
  const deliveries = Number(tokens.length === 9 ? tokens[4] : tokens[6])
  if (!Number.isInteger(deliveries)) throw new Error('a message came without its delivery subject')
  return deliveries
}
