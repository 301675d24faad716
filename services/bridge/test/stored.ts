import { jetstreamManager } from '@nats-io/jetstream'
import { connectBus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import type { TestNats } from '@mumega/testkit'

const STREAM_OF_KIND: Record<string, string> = { evt: 'EVENTS', bus: 'BUS', aud: 'AUDIT' }

/** What the streams hold of one subject, oldest first, read as the administrator. */
export async function readStored<C extends EventContract>(
  nats: TestNats,
  contract: C,
): Promise<PayloadOf<C>[]> {
  const bus = await connectBus({
    natsUrl: nats.url,
    nkeySeed: nats.adminSeed,
    service: 'admin',
    clock: systemClock,
  })
  try {
    const manager = await jetstreamManager(bus.connection)
    const stream = STREAM_OF_KIND[contract.subject.slice(0, 3)] ?? ''
    const { state } = await manager.streams.info(stream)
    const stored: PayloadOf<C>[] = []
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const message = await manager.streams.getMessage(stream, { seq })
      if (message?.subject === contract.subject) stored.push(message.json<PayloadOf<C>>())
    }
    return stored
  } finally {
    await bus.drain()
  }
}
