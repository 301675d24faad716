import { millis } from '@nats-io/transport-node'
import { retryDeadLetter } from '@mumega/contracts/dead-letters'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import type { ConsumerRights } from '@mumega/contracts/topology'
import type { Consuming, Delivery } from './bus.ts'
import { type Delivered, openDelivered } from './delivered.ts'
import { openInFlight } from './in-flight.ts'
import type { Link } from './link.ts'
import { asStoreError } from './publishing.ts'
import { openPuller, type Puller } from './pulling.ts'
import type { Server } from './serving.ts'
import { type Consumer, retry, settle, type Settling } from './settling.ts'
import { consumerNotFound, consumersOf, findConsumer, rightsTo } from './streams.ts'

export interface Consumers {
  consume<C extends EventContract>(
    contract: C,
    consumerName: string,
    handler: (payload: PayloadOf<C>, delivery: Delivery) => Promise<void>,
  ): Promise<Consuming>
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
  const pullers = new Set<Puller>()
  const keepers = new Set<NodeJS.Timeout>()
  const inFlight = openInFlight()
  let servesRetries = false
  let isStopped = false

  function start(consumer: Consumer, ackWaitMs: number): Consuming {
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
    pullers.add(puller)
    // A handler may take longer than the server waits for an acknowledgement.
    const keepWaiting = (): void => {
      if (link.isUp()) for (const message of held) message.working()
    }
    const keeper = setInterval(keepWaiting, ackWaitMs / 3)
    keepers.add(keeper)
    puller.more()
    return {
      async stop() {
        if (consumers.get(consumer.rights.name) === consumer) consumers.delete(consumer.rights.name)
        await puller.stop()
        pullers.delete(puller)
        clearInterval(keeper)
        keepers.delete(keeper)
      },
    }
  }

  return {
    async consume(contract, consumerName, handler) {
      const rights = rightsTo(link.service, consumerName)
      const ackWaitMs = await ackWaitOf(link, rights)
      if (!servesRetries) serveRetries(server, link.service, consumers)
      servesRetries = true
      // The payload has been checked against the contract before the handler sees it.
      const consumer = { rights, contract, handler: handler as Consumer['handler'] }
      consumers.set(consumerName, consumer)
      return start(consumer, ackWaitMs)
    },
    async stop() {
      isStopped = true
      await Promise.all([...pullers].map((puller) => puller.stop()))
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
