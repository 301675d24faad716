import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Bus, Delivery } from '@mumega/bus'
import { scaledClock } from '@mumega/config/clock'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { eventually } from '@mumega/testkit'
import {
  ACK_WAIT_MS,
  type DeadLetter,
  emptyConsumers,
  givenLetter,
  LETTERS,
  settled,
} from './consumers.ts'
import { givenGate, givenNats, type Ground } from './given.ts'

// The back-off's first minute in less than a second.
const fastClock = scaledClock({ scale: 100, originMs: Date.now() })

let ground: Ground
let gateway: Bus
let admin: Bus

beforeAll(async () => {
  ground = await givenNats()
  gateway = await ground.bus('gateway')
  admin = await ground.bus('admin')
})

beforeEach(() => emptyConsumers(admin))

afterAll(() => ground.stop())

async function publishLetter(reason: string): Promise<DeadLetter> {
  const letter = givenLetter(reason)
  await gateway.publish(deadLettered('gateway'), letter, { messageId: letter.deadLetterId })
  return letter
}

test('each event is handled once, in the order of the stream, and acknowledged', async () => {
  const bridge = await ground.bus('bridge')
  const reasons: string[] = []
  const deliveries: Delivery[] = []
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async ({ reason }, delivery) => {
    reasons.push(reason)
    deliveries.push(delivery)
  })

  const sent = Array.from({ length: 300 }, (_, number) => `number ${number}`)
  for (const reason of sent) await publishLetter(reason)
  await settled(admin)
  await bridge.drain()

  expect(reasons).toEqual(sent)
  expect(deliveries[0]).toMatchObject({
    deliveries: 1,
    subject: 'evt.gateway.v1.dead-lettered',
    messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
})

test('an event whose handler fails comes again, later each time', async () => {
  const bridge = await ground.bus('bridge', fastClock)
  const at: number[] = []
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async (_, { deliveries }) => {
    at.push(performance.now())
    if (deliveries < 4) throw new Error('not now')
  })

  await publishLetter('fails three times')
  await settled(admin)
  await bridge.drain()

  const [first = 0, second = 0, third = 0] = at.slice(1).map((ms, index) => ms - (at[index] ?? 0))
  expect(at).toHaveLength(4)
  // 1 s, 5 s and 15 s, give or take a tenth, in a clock that runs a hundred times as fast.
  expect(first).toBeGreaterThanOrEqual(9)
  expect(second).toBeGreaterThanOrEqual(45)
  expect(third).toBeGreaterThanOrEqual(135)
})

test('a handler may take longer than the server waits, and is not run twice', async () => {
  const bridge = await ground.bus('bridge')
  const gate = givenGate()
  let runs = 0
  let redelivered = 0
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async (_, { deliveries }) => {
    runs += 1
    redelivered = deliveries - 1
    await gate.opened
  })

  await publishLetter('slow')
  await eventually(async () => runs === 1, { what: 'the handler' })
  const until = performance.now() + 3 * ACK_WAIT_MS
  await eventually(async () => performance.now() > until, { what: 'three waits to pass' })
  gate.open()
  await settled(admin)
  await bridge.drain()

  expect({ runs, redelivered }).toEqual({ runs: 1, redelivered: 0 })
})

test('an event whose handler died with its process is handled by the next', async () => {
  const dying = await ground.bus('bridge')
  const started = givenGate()
  await dying.consume(deadLettered('bridge'), LETTERS.consumer, async () => {
    started.open()
    await new Promise(() => undefined)
  })
  const letter = await publishLetter('survives')
  await started.opened
  // As a crash leaves it: nothing acknowledged, nothing handed back.
  await dying.connection.close()

  const bridge = await ground.bus('bridge')
  const handled: [string, number][] = []
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async (payload, delivery) => {
    handled.push([payload.deadLetterId, delivery.deliveries])
  })
  await settled(admin)
  await bridge.drain()

  expect(handled).toEqual([[letter.deadLetterId, 2]])
})

test('a drain waits for handlers in flight and hands back what it did not start', async () => {
  const leaving = await ground.bus('bridge')
  const gate = givenGate()
  const running: string[] = []
  await leaving.consume(deadLettered('bridge'), LETTERS.consumer, async ({ reason }) => {
    running.push(reason)
    await gate.opened
  })
  // 64 may be out at once; the others wait on the server.
  for (let number = 0; number < 70; number += 1) await publishLetter(`number ${number}`)
  await eventually(async () => running.length === 64, { what: 'the handlers' })

  const drained = leaving.drain()
  gate.open()
  await drained
  const bridge = await ground.bus('bridge')
  const later: string[] = []
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async ({ reason }) => {
    later.push(reason)
  })
  await settled(admin)
  await bridge.drain()

  expect([...running, ...later].sort()).toEqual(
    Array.from({ length: 70 }, (_, number) => `number ${number}`).sort(),
  )
})

test('a dead letter that cannot be handled is never wrapped in another', async () => {
  const bridge = await ground.bus('bridge', fastClock)
  let tries = 0
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async (_, { deliveries }) => {
    tries = deliveries
    if (deliveries <= 12) throw new Error('no luck')
  })

  await publishLetter('stubborn')
  await settled(admin)
  await bridge.drain()

  // More often than the consumer's ten deliveries.
  expect(tries).toBe(13)
})

test('a consumer that RIGHTS does not give the service is refused', async () => {
  const contract = deadLettered('bridge')

  await expect(
    gateway.consume(contract, LETTERS.consumer, async () => undefined),
  ).rejects.toMatchObject({ code: 'bus.consumer-not-found' })
})
