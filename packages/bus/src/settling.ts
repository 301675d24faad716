import { headers as natsHeaders, type MsgHdrs } from '@nats-io/transport-node'
import { AppError, isAppError } from '@mumega/errors'
import type { Clock } from '@mumega/config/clock'
import { deadLettered } from '@mumega/contracts/dead-letters'
import type { EventContract } from '@mumega/contracts/define'
import type { ConsumerRights } from '@mumega/contracts/topology'
import { withSpan } from '@mumega/telemetry'
import type { Delivery } from './bus.ts'
import { DEAD_LETTER_BYTES_MAX, deadLetterOf, STREAM_SEQUENCE_HEADER } from './dead-letter.ts'
import type { Delivered } from './delivered.ts'
import type { Link } from './link.ts'
import { store } from './publishing.ts'
import { validatorOf } from './validation.ts'
import { decode, encode, MESSAGE_ID_HEADER, messageIdOf, TRACE_HEADER } from './wire.ts'

/** A durable consumer and what this service does with its messages. */
export interface Consumer {
  readonly rights: ConsumerRights
  readonly contract: EventContract
  readonly handler: (payload: unknown, delivery: Delivery) => Promise<void>
}

export interface Settling {
  readonly link: Link
  readonly clock: Clock
}

// In the clock's time, so that a scaled run does not wait for real minutes.
const BACK_OFF_MS = [1_000, 5_000, 15_000, 60_000] as const

/** Runs the handler on one message and answers the server, whatever happens. */
export async function settle(
  options: Settling,
  consumer: Consumer,
  message: Delivered,
): Promise<void> {
  const { rights } = consumer
  const { deliveries, subject } = message.delivery
  const limit = deliveriesMax(rights, subject)
  try {
    const payload = payloadOf(consumer, message)
    if (payload.problem !== undefined) {
      await giveUp(options, consumer, { message, reason: payload.problem })
    } else if (deliveries > limit) {
      const reason = `The service stopped in each of ${limit} deliveries, or could not acknowledge.`
      await giveUp(options, consumer, { message, reason })
    } else {
      await run(consumer, message, payload.value)
      message.ack()
    }
  } catch (error) {
    await onFailure(options, consumer, { message, error, isLast: deliveries >= limit })
  }
}

async function onFailure(
  options: Settling,
  consumer: Consumer,
  failure: { message: Delivered; error: unknown; isLast: boolean },
): Promise<void> {
  const { message, error, isLast } = failure
  const { messageId, deliveries } = message.delivery
  const fields = { error, consumer: consumer.rights.name, messageId, deliveries }
  options.link.log.warn(fields, 'consume-failed')
  try {
    if (isLast) {
      await giveUp(options, consumer, { message, reason: reasonOf(error) })
      return
    }
  } catch (letterError) {
    // Without its dead letter the message is not given up: it comes again.
    options.link.log.error({ error: letterError, messageId }, 'dead-letter-not-stored')
  }
  message.nak(backOffMs(options.clock, deliveries))
}

/** Stores the dead letter, and only then tells the server that the message need not come again. */
async function giveUp(
  { link, clock }: Settling,
  { rights }: Consumer,
  { message, reason }: { message: Delivered; reason: string },
): Promise<void> {
  const place = { service: link.service, stream: rights.stream, consumer: rights.name }
  const letter = deadLetterOf({ ...place, message, reason, now: clock.now() })
  const traceparent = message.delivery.headers?.get(TRACE_HEADER)
  await store(link.connection, {
    subject: deadLettered(link.service).subject,
    messageId: letter.deadLetterId,
    body: encode(letter),
    bytesMax: DEAD_LETTER_BYTES_MAX,
    ...(traceparent && { headers: { [TRACE_HEADER]: traceparent } }),
  })
  message.term()
  const { deadLetterId, consumer, subject } = letter
  link.log.error({ deadLetterId, consumer, subject, reason }, 'dead-lettered')
}

async function run(consumer: Consumer, message: Delivered, payload: unknown): Promise<void> {
  const { delivery } = message
  const parent = delivery.headers?.get(TRACE_HEADER)
  const attributes = {
    'messaging.system': 'nats',
    'messaging.destination.name': delivery.subject,
    'messaging.consumer.group.name': consumer.rights.name,
    'messaging.message.id': delivery.messageId,
    'messaging.nats.deliveries': delivery.deliveries,
    'messaging.nats.stream_sequence': delivery.streamSequence,
  }
  const settings = { kind: 'consumer', attributes, ...(parent && { parent }) } as const
  await withSpan(delivery.subject, settings, () => consumer.handler(payload, delivery))
}

function payloadOf(consumer: Consumer, message: { body: Uint8Array }) {
  let value: unknown
  try {
    value = decode(message.body)
  } catch {
    return { value, problem: 'The body is not JSON.' }
  }
  const validator = validatorOf(consumer.contract.payload)
  if (validator.check(value)) return { value, problem: undefined }
  const { field, problem } = validator.complaint(value)
  return { value, problem: `The payload breaks its contract: ${field} ${problem}.` }
}

/**
 * Hands the bytes of a dead letter to the handler once more. @throws bus.retry-failed with its
 * reason
 */
export async function retry(
  consumer: Consumer,
  letter: { subject: string; headers: Record<string, string>; body: string },
): Promise<void> {
  const body = Buffer.from(letter.body, 'base64')
  const { value, problem } = payloadOf(consumer, { body })
  if (problem !== undefined) throw retryFailed(problem)
  const headers: MsgHdrs = natsHeaders()
  for (const [name, text] of Object.entries(letter.headers)) headers.set(name, text)
  const delivery = {
    messageId: messageIdOf(letter.subject, letter.headers[MESSAGE_ID_HEADER] ?? ''),
    deliveries: 1,
    subject: letter.subject,
    streamSequence: Number(letter.headers[STREAM_SEQUENCE_HEADER] ?? 0),
    headers,
  }
  try {
    await consumer.handler(value, delivery)
  } catch (error) {
    throw retryFailed(reasonOf(error), error)
  }
}

/** A dead letter that cannot be handled is not wrapped in another: it comes again for ever. */
function deliveriesMax({ maxDeliver }: ConsumerRights, subject: string): number {
  return maxDeliver === -1 || subject.endsWith('.dead-lettered') ? Infinity : maxDeliver
}

function backOffMs(clock: Clock, deliveries: number): number {
  const step = Math.min(Math.max(deliveries, 1), BACK_OFF_MS.length) - 1
  // A fifth at random, so that messages that failed together do not come back together.
  return clock.realMs((BACK_OFF_MS[step] ?? BACK_OFF_MS[0]) * (0.9 + Math.random() * 0.2))
}

/** An expected error may be shown; of a bug the operator sees its kind, and the rest in the log. */
function reasonOf(error: unknown): string {
  if (isAppError(error)) return `${error.code}: ${error.message}`
  return `bus.bug: ${error instanceof Error ? error.name : 'The handler failed.'}`
}

function retryFailed(reason: string, cause?: unknown): AppError {
  return new AppError('bus.retry-failed', 'unprocessable', reason.slice(0, 500), { cause })
}
