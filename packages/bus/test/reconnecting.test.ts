import { afterAll, expect, test } from '@jest/globals'
import { connectBus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { eventually, startTestNats } from '@mumega/testkit'
import { CONTEXT, givenNats, greet, happened } from './given.ts'

const ground = await givenNats()
const { nats } = ground
const bridge = await ground.bus('bridge')
const gateway = await ground.bus('gateway')
afterAll(ground.stop)

const handled: string[] = []
bridge.serve(greet, async ({ name }) => ({ greeting: `Hello ${name}` }))
await bridge.consume(deadLettered('bridge'), 'bridge-dead-letters', async ({ reason }) => {
  handled.push(reason)
})
await bridge.connection.flush()

test('while the server is away calls fail as unavailable; later they work again', async () => {
  let reconnects = 0
  gateway.onReconnect(() => {
    reconnects += 1
  })
  await nats.kill()
  const startedAt = performance.now()

  const outcomes = await Promise.allSettled([
    gateway.request(greet, { name: 'a' }, { context: CONTEXT, timeoutMs: 1_000 }),
    bridge.publish(happened, { number: 1 }, { messageId: 'lost' }),
    gateway.roundTripMs(),
  ])

  expect(performance.now() - startedAt).toBeLessThan(6_000)
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } })
  }
  await eventually(
    () =>
      gateway.roundTripMs().then(
        () => false,
        () => true,
      ),
    { what: 'the client to notice' },
  )
  await expect(
    gateway.request(greet, { name: 'a' }, { context: CONTEXT, timeoutMs: 60_000 }),
  ).rejects.toMatchObject({ code: 'bus.unavailable' })

  await nats.restart()
  const reply = await eventually(
    () => gateway.request(greet, { name: 'b' }, { context: CONTEXT }),
    {
      what: 'the bus to come back',
    },
  )

  expect(reply).toEqual({ greeting: 'Hello b' })
  expect(reconnects).toBe(1)
})

test('a consumer goes on after the server was killed, and repeats nothing', async () => {
  const publish = (reason: string) =>
    eventually(
      async () => {
        const letter = {
          deadLetterId: '0193e5b2-7c1a-7000-8000-000000000001',
          service: 'gateway',
          consumer: 'x',
          subject: 'evt.x',
          headers: {},
          body: '',
          reason,
          deliveries: 1,
          occurredAt: '2026-11-01T00:00:00.000Z',
        }
        await gateway.publish(deadLettered('gateway'), letter, { messageId: reason })
        return true
      },
      { what: 'the publication' },
    )
  await publish('before')
  await eventually(async () => handled.includes('before'), { what: 'the first' })
  // The acknowledgement has reached the server when it has answered a ping.
  await bridge.connection.flush()

  await nats.kill()
  await nats.restart()
  await publish('after')
  await eventually(async () => handled.includes('after'), { what: 'the second' })

  expect(handled).toEqual(['before', 'after'])
})

test('a user whom the server does not know is refused at once, with the reason', async () => {
  const other = await startTestNats()
  const stranger = { natsUrl: nats.url, nkeySeed: other.seedOf('bridge'), service: 'bridge' }
  const startedAt = performance.now()

  await expect(connectBus({ ...stranger, clock: systemClock })).rejects.toThrow(/[Aa]uthorization/)
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  await other.stop()
})
