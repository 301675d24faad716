import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect } from '@jest/globals'
import { broadcastMessage } from '@mumega/contracts/bridge'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { agent, connectAs, givenAgents, givenMessage } from './given.ts'
import {
  kafkaTest,
  startKafkaBridge,
  untilFailing,
  untilOk,
  type KafkaBridge,
} from './given-kafka.ts'

const EVENTS = 'mumega.events'

let side: KafkaBridge
beforeAll(async () => {
  const started = await startKafkaBridge()
  if (started === undefined) return
  side = started
  await givenAgents(side.bridge, ['ada', 'bob', 'cyd'])
  await givenAgents(side.bridge, ['ada', 'bob'], 'other')
}, 60_000)
afterAll(async () => {
  await (side as KafkaBridge | undefined)?.stop()
})

const valueOf = ({ value }: { value: string | undefined }) =>
  JSON.parse(value ?? '{}') as Record<string, unknown>

kafkaTest(
  'an accepted message is in the topic, with its text and what tells its origin',
  async () => {
    const text = 'Grüße 🙂'
    const messageId = await givenMessage(side.bridge, agent('ada'), { to: 'bob', text })

    const [record] = await side.stranger.waitForMessages(
      1,
      ({ headers }) => headers['message-id'] === messageId,
    )
    expect(record?.key).toBe('acme/ada')
    expect(record?.headers).toMatchObject({
      ce_specversion: '1.0',
      ce_id: messageId,
      ce_type: 'bus.bridge.v1.message',
      ce_source: '/mumega/here/bridge',
      ce_subject: 'ada',
      'content-type': 'application/json',
      'mumega-path': 'here',
    })
    expect(valueOf(record ?? { value: '' })).toMatchObject({
      tenantId: 'acme',
      messageId,
      from: 'ada',
      to: ['bob'],
      kind: 'send',
      text,
      contentType: 'text/plain',
    })
  },
)

kafkaTest('each tenant’s messages have their own key and their own texts', async () => {
  const texts = new Map<string, string>()
  for (const tenantId of ['acme', 'other', 'acme', 'other']) {
    const fields = { to: 'bob', text: `of ${tenantId} ${texts.size}` }
    texts.set(await givenMessage(side.bridge, agent('ada', tenantId), fields), fields.text)
  }

  const records = await side.stranger.waitForMessages(4, ({ headers }) =>
    texts.has(headers['message-id'] ?? ''),
  )
  for (const record of records) {
    const { text, tenantId } = valueOf(record)
    expect(text).toBe(texts.get(record.headers['message-id'] ?? ''))
    expect(record.key).toBe(`${String(tenantId)}/ada`)
    expect(text).toContain(`of ${String(tenantId)} `)
  }
})

kafkaTest('what one agent sends is in the topic in the order in which it sent it', async () => {
  const sent: string[] = []
  for (let nth = 0; nth < 40; nth += 1) {
    const to = nth % 2 === 0 ? 'bob' : 'ada'
    sent.push(await givenMessage(side.bridge, agent('cyd'), { to, text: String(nth) }))
  }
  const request = { requestId: randomUUID(), text: 'to all' }
  const { messageId } = await side.bridge.call(agent('cyd'), broadcastMessage, request)

  const records = await side.stranger.waitForMessages(41, ({ key }) => key === 'acme/cyd')
  expect(records.map(({ headers }) => headers['message-id'])).toEqual([...sent, messageId])
})

kafkaTest('events are in their topic, by what they are about', async () => {
  const records = await side.stranger.waitFor(
    EVENTS,
    5,
    ({ headers }) => headers['ce_type'] === 'evt.bridge.v1.agent-registered',
  )

  const keys = ['acme/ada', 'acme/bob', 'acme/cyd', 'other/ada', 'other/bob']
  expect(records.map(({ key }) => key).sort()).toEqual(keys)
  const adas = records.find(({ key }) => key === 'acme/ada')
  expect(valueOf(adas ?? { value: '' })).toEqual({ tenantId: 'acme', name: 'ada' })
})

kafkaTest('dead letters of the bus stay there; what comes after them is forwarded', async () => {
  const ledger = await connectAs(side.bridge.nats, 'audit-ledger')
  const deadLetterId = randomUUID()
  await ledger.publish(
    deadLettered('audit-ledger'),
    {
      deadLetterId,
      service: 'audit-ledger',
      consumer: 'audit-ledger',
      subject: 'aud.gateway.v1.append',
      headers: {},
      body: '',
      reason: 'broken',
      deliveries: 1,
      occurredAt: new Date().toISOString(),
    },
    { messageId: randomUUID() },
  )
  await ledger.drain()
  await givenAgents(side.bridge, ['dan'])

  await side.stranger.waitFor(EVENTS, 1, ({ key }) => key === 'acme/dan')
  const types = side.stranger.seen.map(({ headers }) => headers['ce_type'])
  expect(types.filter((type) => type?.endsWith('dead-lettered'))).toEqual([])
})

kafkaTest(
  'while Kafka stands still, messages are taken and health names Kafka; then all of them arrive',
  async () => {
    const { bridge, kafka, stranger } = side
    kafka.freeze()
    const sent: string[] = []
    for (let nth = 0; nth < 300; nth += 1) {
      sent.push(await givenMessage(bridge, agent('bob', 'other'), { to: 'ada', text: `${nth}` }))
    }
    await untilFailing(side, /acknowledged|waits on the bus|read from Kafka/)
    expect((await side.health()).status).toBe('ok')

    kafka.thaw()
    const records = await stranger.waitForMessages(300, ({ key }) => key === 'other/bob')
    expect(records.map(({ headers }) => headers['message-id'])).toEqual(sent)
    await untilOk(side)
  },
  90_000,
)
