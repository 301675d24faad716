import { Type } from 'typebox'
import { type Bus, connectBus } from '@mumega/bus'
import { type Clock, systemClock } from '@mumega/config/clock'
import { defineEvent, defineRequest } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { startTestNats, type TestNats } from '@mumega/testkit'

export const CONTEXT: CallContext = {
  tenantId: 'acme',
  actor: { id: 'agent:kasra', kind: 'agent' },
}

/** A request that the tests serve as the bridge: small, with an error of its own. */
export const greet = defineRequest({
  subject: 'rpc.bridge.v1.test-greet',
  request: Type.Object({ name: Type.String({ minLength: 1 }) }),
  reply: Type.Object({ greeting: Type.String() }),
  errors: ['bridge.nobody-there'],
  timeoutMs: 3_000,
})

export const happened = defineEvent({
  subject: 'evt.bridge.v1.test-happened',
  payload: Type.Object({ number: Type.Integer() }),
})

export interface Ground {
  readonly nats: TestNats
  /** A connection as this service's user, drained by `stop()`. */
  bus(service: string, clock?: Clock): Promise<Bus>
  stop(): Promise<void>
}

/** A nats-server of the test's own, and connections to it. */
export async function givenNats(): Promise<Ground> {
  const nats = await startTestNats()
  const buses: Bus[] = []
  return {
    nats,
    async bus(service, clock = systemClock) {
      const nkeySeed = service === 'admin' ? nats.adminSeed : nats.seedOf(service)
      const bus = await connectBus({ natsUrl: nats.url, nkeySeed, service, clock })
      buses.push(bus)
      return bus
    },
    async stop() {
      await Promise.all(buses.map((bus) => bus.drain()))
      await nats.stop()
    },
  }
}

/** A promise and the function that resolves it. */
export function givenGate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
