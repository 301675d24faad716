import type { Msg } from '@nats-io/transport-node'
import type { Delivery } from './bus.ts'
import { headersOf, MESSAGE_ID_HEADER, messageIdOf } from './wire.ts'

/** A message as a consumer got it, and the four answers to it. */
export interface Delivered {
  readonly delivery: Delivery
  readonly body: Uint8Array
  /** When the stream stored it, in nanoseconds of the epoch, as text. */
  readonly storedAtNanos: string
  ack(): void
  /** Comes again after `delayMs`. */
  nak(delayMs: number): void
  /** Never comes again. */
  term(): void
  /** Restarts the server's wait for an acknowledgement; no more after ten minutes. */
  working(): void
}

const NANOS_PER_MS = 1_000_000
// A handler that hangs for longer does not keep the message from the other instances.
const WORKING_MS_MAX = 600_000

/**
 * Reads where the message stands from its acknowledgement subject (NATS ADR-15), which has nine
 * tokens, or eleven and more with the domain and the account before the stream.
 */
export function openDelivered(msg: Msg): Delivered {
  const tokens = (msg.reply ?? '').split('.')
  const at = tokens.length === 9 ? 2 : 4
  const [stream, , deliveries, streamSequence, , storedAtNanos = '0'] = tokens.slice(at)
  const headers = headersOf(msg)
  const storedId = headers?.get(MESSAGE_ID_HEADER) ?? ''
  const receivedAt = performance.now()
  let isAnswered = false

  function answer(text: string): void {
    if (isAnswered) return
    isAnswered = true
    msg.respond(text)
  }

  return {
    delivery: {
      messageId: messageIdOf(msg.subject, storedId) || `${stream}:${streamSequence}`,
      deliveries: Number(deliveries),
      subject: msg.subject,
      streamSequence: Number(streamSequence),
      headers,
    },
    body: msg.data,
    storedAtNanos,
    ack: () => {
      answer('+ACK')
    },
    nak: (delayMs) => {
      const delay = Math.round(delayMs * NANOS_PER_MS)
      answer(delay > 0 ? `-NAK ${JSON.stringify({ delay })}` : '-NAK')
    },
    term: () => {
      answer('+TERM')
    },
    working: () => {
      const isHung = performance.now() - receivedAt > WORKING_MS_MAX
      if (!isAnswered && !isHung) msg.respond('+WPI')
    },
  }
}
