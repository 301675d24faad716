import { headers } from '@nats-io/transport-node'
import { jetstream, JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { AppError } from '@mumega/errors'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import { currentTraceparent, withSpan } from '@mumega/telemetry'
import type { NatsConnection } from '@nats-io/transport-node'
import type { PublishOptions } from './bus.ts'
import { asBusError, busUnavailable, tooLarge } from './errors.ts'
import type { Link } from './link.ts'
import { streamOf } from './topology-names.ts'
import { validatorOf } from './validation.ts'
import { encode, EVENT_BYTES_MAX, storedIdOf, TRACE_HEADER } from './wire.ts'

const ACK_MS_MAX = 5_000

export interface StoredMessage {
  readonly subject: string
  readonly messageId: string
  readonly body: Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** Default EVENT_BYTES_MAX. */
  readonly bytesMax?: number
}

/** Publishes one event. `bus.ts` documents it. */
export async function publishEvent<C extends EventContract>(
  link: Link,
  event: { contract: C; payload: PayloadOf<C>; options: PublishOptions },
): Promise<void> {
  const { contract, payload, options } = event
  const validator = validatorOf(contract.payload)
  if (!validator.check(payload)) {
    const { field, problem } = validator.complaint(payload)
    const message = `The payload of ${contract.subject} breaks its contract: ${field} ${problem}.`
    throw new AppError('bus.invalid-event', 'bug', message, { details: { field } })
  }
  if (!link.isUp()) throw busUnavailable()
  await store(link.connection, {
    subject: contract.subject,
    messageId: options.messageId,
    body: encode(payload),
    ...(options.headers && { headers: options.headers }),
  })
}

/**
 * Stores one message in its stream and resolves when the server says that it is stored, or was
 * already.
 *
 * @throws bus.too-large, bus.unavailable, bus.timeout. After the last two it may be stored all
 *   the same; the same `messageId` again within two minutes is stored once.
 */
export async function store(connection: NatsConnection, message: StoredMessage): Promise<void> {
  const { subject, messageId, body, bytesMax = EVENT_BYTES_MAX } = message
  if (body.length > bytesMax) {
    throw tooLarge(subject, { bytes: body.length, limitBytes: bytesMax })
  }
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject }
  const parent = message.headers?.[TRACE_HEADER]
  const settings = { kind: 'producer', attributes, ...(parent && { parent }) } as const
  await withSpan(subject, settings, async () => {
    const hdrs = headers()
    for (const [name, value] of Object.entries(message.headers ?? {})) hdrs.set(name, value)
    const traceparent = currentTraceparent()
    if (traceparent !== undefined) hdrs.set(TRACE_HEADER, traceparent)
    try {
      await jetstream(connection).publish(subject, body, {
        msgID: storedIdOf(subject, messageId),
        headers: hdrs,
        timeout: ACK_MS_MAX,
        expect: { streamName: streamOf(subject) },
      })
    } catch (error) {
      throw asStoreError(error, subject)
    }
  })
}

/** The `AppError` for what JetStream answered or the client threw. */
export function asStoreError(error: unknown, subject: string): AppError {
  if (error instanceof JetStreamApiError || error instanceof JetStreamError) {
    // The stream is full, has no leader, or is not there yet: each may pass, and nothing was
    // stored.
    const message = `The stream of ${subject} does not take messages at the moment.`
    return new AppError('bus.unavailable', 'unavailable', message, { cause: error })
  }
  return asBusError(error, subject)
}
