import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { scaledClock } from '@mumega/config/clock'
import { type AuditIntents, auditAppend } from '@mumega/contracts/audit'
import { deadLettered, retryDeadLetter } from '@mumega/contracts/dead-letters'
import { AppError } from '@mumega/errors'
import { eventually } from '@mumega/testkit'
import {
  type DeadLetter,
  emptyConsumers,
  givenLetter,
  INTENTS,
  LETTERS,
  settled,
} from './consumers.ts'
import { CONTEXT, givenNats, type Ground } from './given.ts'

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
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async (letter) => {
    letters.push(letter)
  })
  let handled = 0
  const ledger = await givenLedger(async () => {
    handled += 1
  })

  await givenIntents(body)
  await settled(admin, INTENTS)
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
  await settled(admin, INTENTS)
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
  const bridge = await ground.bus('bridge')
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async (letter, delivery) => {
    if (letter.reason === 'hopeless') throw new AppError('bridge.hopeless', 'conflict', 'Still no.')
    handled.push(letter.reason)
    headersSeen.push(delivery.headers?.get('Mumega-To'))
  })
  const retry = (reason: string, consumer = LETTERS.consumer) =>
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
