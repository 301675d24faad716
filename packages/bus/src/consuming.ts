import { millis } from '@nats-io/transport-node'
import { AppError } from '@mumega/errors'
import { retryDeadLetter } from '@mumega/contracts/dead-letters'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import { type ConsumerRights, findRights } from '@mumega/contracts/topology'
import type { Delivery } from './bus.ts'
import { type Delivered, openDelivered } from './delivered.ts'
import { openInFlight } from './in-flight.ts'
import type { Link } from './link.ts'
import { asStoreError } from './publishing.ts'
import { openPuller, type Puller } from './pulling.ts'
import type { Server } from './serving.ts'
import { type Consumer, retry, settle, type Settling } from './settling.ts'
import { consumersOf, findConsumer } from './streams.ts'

export interface Consumers {
  consume<C extends EventContract>(
    contract: C,
    consumerName: string,
    handler: (payload: PayloadOf<C>, delivery: Delivery) => Promise<void>,
  ): Promise<void>
  stop(): Promise<void>
}

export interface ConsumersOptions extends Settling {
  readonly server: Server
}

// Bodies in memory at once, whatever the consumer may leave unacknowledged on the server.
const IN_FLIGHT_MAX = 256
const DRAIN_MS_MAX = 10_000

/** Consumes this service's durable consumers. `bus.ts` documents it. */
export function openConsumers(options: ConsumersOptions): Consumers {
  const { link, server } = options
  const consumers = new Map<string, Consumer>()
  const pullers: Puller[] = []
  const keepers: NodeJS.Timeout[] = []
  const inFlight = openInFlight()
  let isStopped = false

  function start(consumer: Consumer, ackWaitMs: number): void {
    const held = new Set<Delivered>()
    const heldMax = Math.min(consumer.rights.maxAckPending, IN_FLIGHT_MAX)
    const take = (message: Delivered): void => {
      held.add(message)
      inFlight.begin()
      void settle(options, consumer, message).finally(() => {
        held.delete(message)
        inFlight.end()
        puller.more()
      })
    }
    const puller = openPuller({
      link,
      consumer: consumer.rights,
      room: () => heldMax - held.size,
      onMessage(msg) {
        const message = openDelivered(msg)
        if (isStopped) message.nak(0)
        else take(message)
      },
    })
    pullers.push(puller)
    // A handler may take longer than the server waits for an acknowledgement.
    const keepWaiting = (): void => {
      if (link.isUp()) for (const message of held) message.working()
    }
    keepers.push(setInterval(keepWaiting, ackWaitMs / 3))
    puller.more()
  }

  return {
    async consume(contract, consumerName, handler) {
      const rights = rightsTo(link.service, consumerName)
      const ackWaitMs = await ackWaitOf(link, rights)
      if (consumers.size === 0) serveRetries(server, link.service, consumers)
      // The payload has been checked against the contract before the handler sees it.
      const consumer = { rights, contract, handler: handler as Consumer['handler'] }
      consumers.set(consumerName, consumer)
      start(consumer, ackWaitMs)
    },
    async stop() {
      isStopped = true
      await Promise.all(pullers.map((puller) => puller.stop()))
      const left = await inFlight.settled(DRAIN_MS_MAX)
      for (const keeper of keepers) clearInterval(keeper)
      if (left > 0) link.log.warn({ messages: left }, 'drain-incomplete')
    },
  }
}

function serveRetries(
  server: Server,
  service: string,
  consumers: ReadonlyMap<string, Consumer>,
): void {
  server.serve(retryDeadLetter(service), async ({ consumer: name, ...letter }) => {
    const consumer = consumers.get(name)
    if (consumer === undefined) throw consumerNotFound(service, name)
    await retry(consumer, letter)
    return {}
  })
}

function rightsTo(service: string, consumerName: string): ConsumerRights {
  const rights = findRights(service)?.consumers.find(({ name }) => name === consumerName)
  if (rights !== undefined) return rights
  throw consumerNotFound(service, consumerName)
}

/** How long the server waits for an acknowledgement, in milliseconds, as it has the consumer. */
async function ackWaitOf(link: Link, rights: ConsumerRights): Promise<number> {
  try {
    const found = await findConsumer(await consumersOf(link.connection), rights)
    if (found?.ack_wait !== undefined) return millis(found.ack_wait)
  } catch (error) {
    throw asStoreError(error, rights.filterSubject)
  }
  throw consumerNotFound(link.service, rights.name)
}

function consumerNotFound(service: string, name: string): AppError {
  const message = `${service} has no consumer ${name.slice(0, 100)}.`
  return new AppError('bus.consumer-not-found', 'not-found', message)
}
