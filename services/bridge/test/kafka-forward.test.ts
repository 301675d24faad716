import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect } from '@jest/globals'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { agent, connectAs, givenAgents, givenMessage } from './given.ts'
import { kafkaTest, startKafkaBridge, type KafkaBridge } from './given-kafka.ts'

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
