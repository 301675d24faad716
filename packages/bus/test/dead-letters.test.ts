import { jetstreamManager } from '@nats-io/jetstream'
import { Type } from 'typebox'
import { afterAll, expect, test } from '@jest/globals'
import { scaledClock } from '@mumega/config/clock'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { defineEvent, type PayloadOf } from '@mumega/contracts/define'
import { type ConsumerRights, RIGHTS } from '@mumega/contracts/topology'
import { eventually } from '@mumega/testkit'
import { givenNats } from './given.ts'

const DELIVERIES_MAX = 3
const consumer: ConsumerRights = {
  stream: 'EVENTS',
  name: 'gateway-test-happened',
  filterSubject: 'evt.bridge.v1.test-text',
  maxAckPending: 16,
  ackWaitMs: 1_000,
  maxDeliver: DELIVERIES_MAX,
}
// No service has a consumer that gives a message up, so this test's gateway gets one: the
// configuration, the permissions and the provisioning come from the same table as always.
Object.assign(RIGHTS, { gateway: { ...RIGHTS['gateway'], consumers: [consumer] } })

const written = defineEvent({
  subject: consumer.filterSubject,
  payload: Type.Object({ text: Type.String() }),
})

const ground = await givenNats()
const bridge = await ground.bus('bridge')
const admin = await ground.bus('admin')
const clock = scaledClock({ scale: 200, originMs: Date.now() })
const letters: PayloadOf<ReturnType<typeof deadLettered>>[] = []
await bridge.consume(deadLettered('bridge'), 'bridge-dead-letters', async (letter) => {
  letters.push(letter)
})
afterAll(ground.stop)

async function letterOf(text: string) {
  const body = Buffer.from(JSON.stringify({ text })).toString('base64')
  return eventually(async () => letters.find((letter) => letter.body === body), {
    what: `the dead letter of ${text.slice(0, 20)}`,
  })
}

test('a message is given up after its last delivery, with reason, bytes and place', async () => {
  const gateway = await ground.bus('gateway', clock)
  const tried: number[] = []
  await gateway.consume(written, consumer.name, async ({ text }, { deliveries }) => {
    if (text !== 'hopeless') return
    tried.push(deliveries)
    throw new TypeError('the password is 1234')
  })

  const headers = { 'Mumega-To': 'kasra' }
  await bridge.publish(written, { text: 'hopeless' }, { messageId: 'hopeless', headers })
  await bridge.publish(written, { text: 'fine' }, { messageId: 'fine' })
  const letter = await letterOf('hopeless')
  await gateway.drain()

  expect(tried).toEqual([1, 2, 3])
  expect(letter).toMatchObject({
    service: 'gateway',
    consumer: consumer.name,
    subject: written.subject,
    headers: { 'Mumega-To': 'kasra', 'Nats-Msg-Id': `${written.subject}:hopeless` },
    reason: 'bus.bug: TypeError',
    deliveries: DELIVERIES_MAX,
  })
  expect(letters).toHaveLength(1)
})

test('a message that stopped the process each time is given up untried', async () => {
  await bridge.publish(written, { text: 'deadly' }, { messageId: 'deadly' })
  for (let time = 0; time < DELIVERIES_MAX; time += 1) {
    const dying = await ground.bus('gateway', clock)
    await new Promise<void>((started) => {
      void dying.consume(written, consumer.name, () => {
        started()
        return new Promise(() => undefined)
      })
    })
    await dying.connection.close()
  }

  const gateway = await ground.bus('gateway', clock)
  let runs = 0
  await gateway.consume(written, consumer.name, async () => {
    runs += 1
  })
  const letter = await letterOf('deadly')
  await gateway.drain()

  expect(runs).toBe(0)
  expect(letter).toMatchObject({
    deliveries: DELIVERIES_MAX + 1,
    reason: 'The service stopped in each of 3 deliveries, or could not acknowledge.',
  })
})

test('the largest message that can be published fits into its dead letter', async () => {
  const gateway = await ground.bus('gateway', clock)
  await gateway.consume(written, consumer.name, () => Promise.reject(new Error('too much')))
  const text = 'x'.repeat(700_000 - '{"text":""}'.length)

  await bridge.publish(written, { text }, { messageId: 'largest' })
  const letter = await letterOf(text)
  await gateway.drain()

  expect(Buffer.from(letter.body, 'base64')).toHaveLength(700_000)
})

test('a message given up twice is one dead letter', async () => {
  const gateway = await ground.bus('gateway', clock)
  await gateway.consume(written, consumer.name, () => Promise.reject(new Error('again')))
  await bridge.publish(written, { text: 'twice' }, { messageId: 'twice' })
  const first = await letterOf('twice')
  await gateway.drain()

  // As after a crash between the dead letter and the end of the message: the server delivers it
  // once more.
  const manager = await jetstreamManager(admin.connection)
  const { config } = await manager.consumers.info('EVENTS', consumer.name)
  await manager.consumers.delete('EVENTS', consumer.name)
  const sequence = Number(first.headers['Mumega-Stream-Sequence'])
  const from = { deliver_policy: 'by_start_sequence', opt_start_seq: sequence } as const
  await manager.consumers.add('EVENTS', { ...config, ...from })
  const before = (await manager.streams.info('EVENTS')).state.messages
  const again = await ground.bus('gateway', clock)
  let failures = 0
  await again.consume(written, consumer.name, () => {
    failures += 1
    return Promise.reject(new Error('again'))
  })
  await eventually(
    async () => {
      const { num_pending, num_ack_pending } = await manager.consumers.info('EVENTS', consumer.name)
      return failures === DELIVERIES_MAX && num_pending === 0 && num_ack_pending === 0
    },
    { what: 'the message to be given up again' },
  )
  await again.drain()

  expect((await manager.streams.info('EVENTS')).state.messages).toBe(before)
})
