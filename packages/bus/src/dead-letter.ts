import { createHash } from 'node:crypto'
import type { MsgHdrs } from '@nats-io/transport-node'
import type { deadLettered } from '@mumega/contracts/dead-letters'
import type { PayloadOf } from '@mumega/contracts/define'
import type { Delivered } from './delivered.ts'
import { encode } from './wire.ts'

export type DeadLetter = PayloadOf<ReturnType<typeof deadLettered>>

export interface GivenUp {
  readonly service: string
  readonly stream: string
  readonly consumer: string
  readonly message: Delivered
  readonly reason: string
  readonly now: Date
}

/**
 * Where the message stood in its stream: kept with the dead letter, for the handler that gets it
 * once more.
 */
export const STREAM_SEQUENCE_HEADER = 'Mumega-Stream-Sequence'

/**
 * What a dead letter may weigh as JSON: within the server's payload, with room for its own headers.
 */
export const DEAD_LETTER_BYTES_MAX = 1_000_000

const HEADER_BYTES_MAX = 16_384
const REASON_CHARACTERS_MAX = 900

/**
 * The dead letter of a message. Its id is derived from the message's place, so that the same
 * message given up twice (a crash between the two steps) is one dead letter.
 */
export function deadLetterOf(givenUp: GivenUp): DeadLetter {
  const { service, stream, consumer, message, now } = givenUp
  const { subject, deliveries, streamSequence, headers } = message.delivery
  const place = [stream, consumer, streamSequence, message.storedAtNanos].join(':')
  const reason = givenUp.reason.slice(0, REASON_CHARACTERS_MAX)
  const letter: DeadLetter = {
    deadLetterId: uuidOf(place),
    service,
    consumer,
    subject: subject.slice(0, 300),
    headers: { ...headersOf(headers), [STREAM_SEQUENCE_HEADER]: String(streamSequence) },
    body: Buffer.from(message.body).toString('base64'),
    reason,
    deliveries: Math.max(1, deliveries),
    occurredAt: now.toISOString(),
  }
  if (encode(letter).length <= DEAD_LETTER_BYTES_MAX) return letter
  // Only a dead letter of a dead letter is that large. Its stream keeps messages that were given
  // up.
  const where = `its ${message.body.length} bytes are in ${stream} at ${streamSequence}`
  return { ...letter, body: '', reason: `${reason} (${where})` }
}

function headersOf(headers: MsgHdrs | undefined): Record<string, string> {
  const kept: Record<string, string> = {}
  let bytes = 0
  for (const name of headers?.keys() ?? []) {
    const value = headers?.get(name) ?? ''
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
    if (bytes <= HEADER_BYTES_MAX) kept[name] = value
  }
  return kept
}

/** A UUID of version 8 (RFC 9562, section 5.8): its bits are a hash of ours. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex').slice(0, 32)
  const versioned = `${hex.slice(0, 12)}8${hex.slice(13, 16)}a${hex.slice(17)}`
  return versioned.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
