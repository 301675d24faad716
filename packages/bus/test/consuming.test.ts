import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Bus, Delivery } from '@mumega/bus'
import { scaledClock, systemClock } from '@mumega/config/clock'
import { type AuditIntents, auditAppend } from '@mumega/contracts/audit'
import { deadLettered, retryDeadLetter } from '@mumega/contracts/dead-letters'
import type { PayloadOf } from '@mumega/contracts/define'
import { AppError } from '@mumega/errors'
import { eventually } from '@mumega/testkit'
import { CONTEXT, givenGate, givenNats, type Ground } from './given.ts'

type DeadLetter = PayloadOf<ReturnType<typeof deadLettered>>

const ACK_WAIT_MS = 1_000
const PLACE = { stream: 'EVENTS', consumer: 'bridge-dead-letters' }
// The back-off's first minute in a second.
const fastClock = scaledClock({ scale: 100, originMs: Date.now() })

let ground: Ground
let gateway: Bus
let admin: Bus

beforeAll(async () => {
  ground = await givenNats()
  gateway = await ground.bus('gateway')
  admin = await ground.bus('admin')
})

// Each test starts with an empty consumer, which waits a second for acknowledgements and not the usual thirty.
beforeEach(async () => {
  const manager = await jetstreamManager(admin.connection)
  for (const { stream, consumer } of [PLACE, { stream: 'AUDIT', consumer: 'audit-ledger' }]) {
    const { config } = await manager.consumers.info(stream, consumer)
    await manager.consumers.delete(stream, consumer)
    const fresh = { ...config, deliver_policy: 'new', ack_wait: nanos(ACK_WAIT_MS) } as const
    const isQueue = stream === 'AUDIT'
    await manager.consumers.add(stream, { ...fresh, ...(isQueue && { deliver_policy: 'all' }) })
  }
})

afterAll(() => ground.stop())

function givenLetter(reason: string): DeadLetter {
  return {
    deadLetterId: uuidv7(),
    service: 'gateway',
    consumer: 'gateway-something',
    subject: 'evt.bridge.v1.test-happened',
    headers: {},
    body: '',
    reason,
    deliveries: 1,
    occurredAt: new Date().toISOString(),
  }
}

async function publishLetter(reason: string): Promise<DeadLetter> {
  const letter = givenLetter(reason)
  const options = { messageId: letter.deadLetterId }
  await gateway.publish(deadLettered('gateway'), letter, options)
  return letter
}

/** Everything acknowledged or given up: nothing waits and nothing is out. */
function settled({ stream, consumer } = PLACE) {
  return eventually(
    async () => {
      const manager = await jetstreamManager(admin.connection)
      const { num_pending, num_ack_pending } = await manager.consumers.info(stream, consumer)
      return num_pending === 0 && num_ack_pending === 0
    },
    { what: `${consumer} to settle`, timeoutMs: 20_000 },
  )
}

test('each event is handled once, in the order of the stream, and acknowledged', async () => {
  const bridge = await ground.bus('bridge')
  const reasons: string[] = []
  const deliveries: Delivery[] = []
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async ({ reason }, delivery) => {
    reasons.push(reason)
    deliveries.push(delivery)
  })

  const sent = Array.from({ length: 300 }, (_, number) => `number ${number}`)
  for (const reason of sent) await publishLetter(reason)
  await settled()
  await bridge.drain()

  expect(reasons).toEqual(sent)
  expect(deliveries[0]).toMatchObject({
    deliveries: 1,
    subject: 'evt.gateway.v1.dead-lettered',
    messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
})

test('an event whose handler fails comes again with a growing delay until it succeeds', async () => {
  const bridge = await ground.bus('bridge', fastClock)
  const at: number[] = []
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async (_, { deliveries }) => {
    at.push(performance.now())
    if (deliveries < 4) throw new AppError('db.unavailable', 'unavailable', 'Not now.')
  })

  await publishLetter('fails three times')
  await settled()
  await bridge.drain()

  const [first = 0, second = 0, third = 0] = at.slice(1).map((ms, index) => ms - (at[index] ?? 0))
  expect(at).toHaveLength(4)
  // 1 s, 5 s and 15 s, give or take a tenth, in a clock that runs a hundred times as fast.
  expect(first).toBeGreaterThanOrEqual(9)
  expect(second).toBeGreaterThanOrEqual(45)
  expect(third).toBeGreaterThanOrEqual(135)
})

test('a handler may take longer than the server waits, and is not run twice meanwhile', async () => {
  const bridge = await ground.bus('bridge')
  const gate = givenGate()
  let runs = 0
  let redelivered = 0
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async (_, { deliveries }) => {
    runs += 1
    redelivered = deliveries - 1
    await gate.opened
  })

  await publishLetter('slow')
  await eventually(async () => runs === 1, { what: 'the handler' })
  const until = performance.now() + 3 * ACK_WAIT_MS
  await eventually(async () => performance.now() > until, { what: 'three waits to pass' })
  gate.open()
  await settled()
  await bridge.drain()

  expect({ runs, redelivered }).toEqual({ runs: 1, redelivered: 0 })
})

test('an event whose handler died with its process is handled by the next', async () => {
  const dying = await ground.bus('bridge')
  const started = givenGate()
  await dying.consume(deadLettered('bridge'), PLACE.consumer, async () => {
    started.open()
    await new Promise(() => undefined)
  })
  const letter = await publishLetter('survives')
  await started.opened
  // As a crash leaves it: nothing acknowledged, nothing handed back.
  await dying.connection.close()

  const bridge = await ground.bus('bridge')
  const handled: [string, number][] = []
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async (payload, delivery) => {
    handled.push([payload.deadLetterId, delivery.deliveries])
  })
  await settled()
  await bridge.drain()

  expect(handled).toEqual([[letter.deadLetterId, 2]])
})

test('a drain waits for handlers in flight and hands back what it did not start', async () => {
  const leaving = await ground.bus('bridge')
  const gate = givenGate()
  const running: string[] = []
  await leaving.consume(deadLettered('bridge'), PLACE.consumer, async ({ reason }) => {
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
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async ({ reason }) => {
    later.push(reason)
  })
  await settled()
  await bridge.drain()

  expect([...running, ...later].sort()).toEqual(
    Array.from({ length: 70 }, (_, number) => `number ${number}`).sort(),
  )
})

test('a dead letter that cannot be handled is never wrapped in another', async () => {
  const bridge = await ground.bus('bridge', fastClock)
  let tries = 0
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async (_, { deliveries }) => {
    tries = deliveries
    if (deliveries <= 12) throw new Error('no luck')
  })

  await publishLetter('stubborn')
  await settled()
  await bridge.drain()

  // More often than the consumer's ten deliveries.
  expect(tries).toBe(13)
})

test('a consumer that RIGHTS does not give the service is refused', async () => {
  const contract = deadLettered('bridge')

  await expect(
    gateway.consume(contract, PLACE.consumer, async () => undefined),
  ).rejects.toMatchObject({ code: 'bus.consumer-not-found' })
})

async function givenIntents(body: string): Promise<void> {
  await jetstream(gateway.connection).publish('aud.gateway.v1.append', body)
}

async function givenLedger(handler: (intents: AuditIntents) => Promise<void>): Promise<Bus> {
  const ledger = await ground.bus('audit-ledger', fastClock)
  await ledger.consume(auditAppend('gateway'), 'audit-ledger', handler)
  return ledger
}

test.each([
  ['is no JSON', 'no JSON at all', 'not JSON'],
  ['breaks its contract', '{"intents":[]}', 'intents'],
])('a message that %s is a dead letter at once, with its bytes', async (_, body, reason) => {
  const letters: DeadLetter[] = []
  const bridge = await ground.bus('bridge')
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async (letter) => {
    letters.push(letter)
  })
  let handled = 0
  const ledger = await givenLedger(async () => {
    handled += 1
  })

  await givenIntents(body)
  await settled({ stream: 'AUDIT', consumer: 'audit-ledger' })
  await eventually(async () => letters.length === 1, { what: 'the dead letter' })
  await ledger.drain()
  await bridge.drain()

  expect(handled).toBe(0)
  expect(letters[0]).toMatchObject({
    service: 'audit-ledger',
    consumer: 'audit-ledger',
    subject: 'aud.gateway.v1.append',
    reason: expect.stringContaining(reason),
    deliveries: 1,
  })
  expect(Buffer.from(letters[0]?.body ?? '', 'base64').toString()).toBe(body)
})

test('a message is not given up before its dead letter is stored', async () => {
  const manager = await jetstreamManager(admin.connection)
  const { config } = await manager.streams.info('EVENTS')
  // EVENTS refuses everything: the dead letter has nowhere to go.
  await manager.streams.update('EVENTS', { ...config, max_msg_size: 1 })
  const ledger = await givenLedger(async () => undefined)
  await givenIntents('no JSON either')
  await eventually(
    async () => {
      const { num_redelivered } = await manager.consumers.info('AUDIT', 'audit-ledger')
      return num_redelivered === 1
    },
    { what: 'the message to come again' },
  )
  expect((await manager.streams.info('AUDIT')).state.messages).toBe(1)

  await manager.streams.update('EVENTS', config)
  await settled({ stream: 'AUDIT', consumer: 'audit-ledger' })
  await ledger.drain()

  expect((await manager.streams.info('AUDIT')).state.messages).toBe(0)
  const last = await manager.streams.getMessage('EVENTS', {
    last_by_subj: 'evt.audit-ledger.v1.dead-lettered',
  })
  const { body } = last?.json<DeadLetter>() ?? { body: '' }
  expect(Buffer.from(body, 'base64').toString()).toBe('no JSON either')
})

test('a retried dead letter reaches the handler with its bytes and headers', async () => {
  const handled: string[] = []
  const headersSeen: (string | undefined)[] = []
  const bridge = await ground.bus('bridge', systemClock)
  await bridge.consume(deadLettered('bridge'), PLACE.consumer, async (letter, delivery) => {
    if (letter.reason === 'hopeless') throw new AppError('bridge.hopeless', 'conflict', 'Still no.')
    handled.push(letter.reason)
    headersSeen.push(delivery.headers?.get('Mumega-To'))
  })
  const retry = (reason: string, consumer = PLACE.consumer) =>
    bridge.request(
      retryDeadLetter('bridge'),
      {
        consumer,
        subject: 'evt.gateway.v1.dead-lettered',
        headers: { 'Mumega-To': 'kasra' },
        body: Buffer.from(JSON.stringify(givenLetter(reason))).toString('base64'),
      },
      { context: CONTEXT },
    )

  await retry('hopeful')
  await expect(retry('hopeless')).rejects.toMatchObject({
    code: 'bus.retry-failed',
    message: 'bridge.hopeless: Still no.',
  })
  await expect(retry('lost', 'nobody')).rejects.toMatchObject({ code: 'bus.consumer-not-found' })
  await bridge.drain()

  expect(handled).toEqual(['hopeful'])
  expect(headersSeen).toEqual(['kasra'])
})
