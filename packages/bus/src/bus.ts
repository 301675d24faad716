import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import type { Clock } from '@mumega/config/clock'
import type {
  EventContract,
  PayloadOf,
  ReplyOf,
  RequestContract,
  RequestOf,
} from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { openConsumers } from './consuming.ts'
import { hearLive } from './hearing.ts'
import { openLink, orClosed, rememberLink, roundTrip, type LinkOptions } from './link.ts'
import { publishEvent } from './publishing.ts'
import { openReplies } from './replies.ts'
import { sendRequest, type RequestOptions } from './requesting.ts'
import { openServer } from './serving.ts'

export { EVENT_BYTES_MAX } from './wire.ts'

/** One service's place on the bus. */
export interface Bus {
  readonly service: string
  readonly connection: NatsConnection

  /**
   * Answers `contract`, sharing its requests with the other instances of this service. Request and
   * reply are checked against the contract; a request past its deadline is not started; at most 256
   * run at once and 1,024 wait, and more are refused as `bus.overloaded`. An `AppError` whose code
   * the contract does not name, and any other throw, is logged and answered as `bus.bug`.
   */
  serve<C extends RequestContract>(
    contract: C,
    handler: (request: RequestOf<C>, call: Call) => Promise<ReplyOf<C>>,
  ): void

  /**
   * Asks, once, and never again by itself. A body holds at most 1,000,000 bytes.
   *
   * @throws the service's own codes; bus.no-responders, bus.timeout, bus.unavailable,
   *   bus.overloaded (to be retried when the request is idempotent); bus.invalid-request;
   *   bus.too-large; bus.invalid-reply; bus.not-permitted; bus.bug.
   */
  request<C extends RequestContract>(
    contract: C,
    request: RequestOf<C>,
    options: RequestOptions,
  ): Promise<ReplyOf<C>>

  /**
   * Hands each message of a durable consumer to `handler`, at least once. It is acknowledged when
   * the handler resolves, and comes again with a growing delay when it throws. After the consumer's
   * `maxDeliver`, or at once when the bytes break the contract, it becomes a dead letter, which is
   * stored before the message is given up. Handlers run concurrently, started in the order of the
   * stream.
   *
   * @throws bus.consumer-not-found when RIGHTS gives this service no such consumer.
   */
  consume<C extends EventContract>(
    contract: C,
    consumerName: string,
    handler: (payload: PayloadOf<C>, delivery: Delivery) => Promise<void>,
  ): Promise<Consuming>

  /**
   * Hears events as they are stored, without a place in the stream: what passes while the
   * connection is down is missed. For waking only.
   */
  hear<C extends EventContract>(
    contract: C,
    handler: (payload: PayloadOf<C>, headers: MsgHdrs | undefined) => void,
  ): void

  /**
   * Stores an event, and resolves when the server has acknowledged it. The same `messageId` within
   * two minutes is stored once. For facts without a change in the database; the others go through
   * the outbox.
   *
   * @throws bus.invalid-event, bus.too-large (at most 700,000 bytes), bus.unavailable, bus.timeout
   */
  publish<C extends EventContract>(
    contract: C,
    payload: PayloadOf<C>,
    options: PublishOptions,
  ): Promise<void>

  /** A ping to the server and back, in milliseconds. @throws bus.unavailable */
  roundTripMs(): Promise<number>

  onReconnect(listener: () => void): void

  /**
   * Takes nothing new, waits at most 10 s for the handlers in flight, then closes. Safe to call
   * twice. NATS's own drain does not wait for the promise of a handler.
   */
  drain(): Promise<void>
}

/** A durable consumer that is being consumed. */
export interface Consuming {
  /**
   * Takes nothing more. What is in a handler then is no longer kept from coming again, and is
   * acknowledged when its handler resolves all the same.
   */
  stop(): Promise<void>
}

export interface Call {
  readonly context: CallContext
  /** Real time at which the caller stops waiting. */
  readonly deadline: Date
  /** Aborts at the deadline. */
  readonly signal: AbortSignal
}

export interface Delivery {
  readonly messageId: string
  /** 1 at the first. */
  readonly deliveries: number
  readonly subject: string
  readonly streamSequence: number
  readonly headers: MsgHdrs | undefined
}

export interface PublishOptions {
  readonly messageId: string
  readonly headers?: Record<string, string>
}

export interface BusOptions extends LinkOptions {
  readonly clock: Clock
}

/** Connects `service` to the bus. @throws bus.unavailable when no server answers within 15 s. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const link = await openLink(options)
  const replies = openReplies(link)
  const server = openServer(link)
  const consumers = openConsumers({ link, server, clock: options.clock })
  let draining: Promise<void> | undefined

  async function drainOnce(): Promise<void> {
    await Promise.all([server.stop(), consumers.stop()])
    // Replies and acknowledgements that are still in the client's buffer.
    if (link.isUp()) await orClosed(link, link.connection.flush())
    await link.connection.close()
  }

  const bus: Bus = {
    service: options.service,
    connection: link.connection,
    serve: (contract, handler) => {
      server.serve(contract, handler)
    },
    request: (contract, request, requestOptions) =>
      sendRequest(replies, { contract, request, options: requestOptions }),
    consume: (contract, consumerName, handler) =>
      consumers.consume(contract, consumerName, handler),
    hear: (contract, handler) => {
      hearLive(link, contract, handler)
    },
    publish: (contract, payload, publishOptions) =>
      publishEvent(link, { contract, payload, options: publishOptions }),
    roundTripMs: () => roundTrip(link),
    onReconnect: (listener) => {
      link.onReconnect(listener)
    },
    drain: () => (draining ??= drainOnce()),
  }
  rememberLink(bus, link)
  return bus
}
