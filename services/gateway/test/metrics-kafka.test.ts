import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Kafka, logLevel } from 'kafkajs'
import { eventually, findTestKafka, type TestKafka } from '@mumega/testkit'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'
import { readMetrics, type Metrics } from './read-metrics.ts'

const { kafkaTest, isPresent, start } = await findTestKafka(test)

let kafka: TestKafka
let api: Api
let ada: string
beforeAll(async () => {
  if (!isPresent) return
  kafka = await start()
  // librdkafka's broker names no controller, whom the client asks for a producer's id.
  const bridge = { KAFKA_BROKERS: kafka.brokers, KAFKA_IDEMPOTENT: 'false' }
  api = await startApi({}, { bridge })
  const tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
  await givenAgent(api, tenantId, 'bob')
}, 120_000)
afterAll(async () => {
  await (api as Api | undefined)?.stop()
  await (kafka as TestKafka | undefined)?.stop()
})

async function untilScraped(isMet: (metrics: Metrics) => boolean, what: string): Promise<Metrics> {
  return eventually(
    async () => {
      const { text } = await api.call({ path: '/metrics', token: api.operator })
      const metrics = readMetrics(text)
      return isMet(metrics) && metrics
    },
    { what, timeoutMs: 30_000 },
  )
}

async function produce(...values: string[]): Promise<void> {
  const client = new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING })
  const producer = client.producer()
  await producer.connect()
  const headers = { authorization: `Bearer ${ada}` }
  const messages = values.map((value) => ({ value, headers, partition: 1 }))
  await producer.send({ topic: 'mumega.inbound', messages })
  await producer.disconnect()
}

const OUT = 'mumega_bridge_kafka_out_records_total'
const LAG = 'mumega_bridge_kafka_lag_records'

kafkaTest(
  'what goes to Kafka and comes from it is counted, and what waits for it',
  async () => {
    const before = await untilScraped(
      ({ value }) => value('mumega_dependency_up', { dependency: 'kafka' }) === 1,
      'the bridge to have joined',
    )
    // A rate has to begin somewhere.
    expect(before.value(OUT, { topic: 'mumega.dead-letters' })).toBe(0)
    await givenMessage(api, { token: ada, to: 'bob', text: 'to Kafka' })
    const good = JSON.stringify({ to: 'bob', text: 'from Kafka' })
    await produce(good, good, good, 'no JSON {')
    const metrics = await untilScraped(
      ({ value }) =>
        value('mumega_bridge_kafka_in_records_total') === 3 &&
        value('mumega_bridge_kafka_dead_letters_total') === 1,
      'three messages and a dead letter',
    )

    expect(metrics.value('mumega_service_figures_unread', { service: 'bridge' })).toBe(0)
    expect(metrics.value('mumega_bridge_kafka_forwards')).toBe(1)
    await untilScraped(
      ({ value }) =>
        (value(OUT, { topic: 'mumega.messages' }) ?? 0) >= 4 &&
        value(OUT, { topic: 'mumega.dead-letters' }) === 1 &&
        value(LAG, { partition: '1' }) === 0 &&
        value('mumega_bridge_kafka_behind_messages', { consumer: 'bridge-kafka-messages' }) === 0,
      'all to be there',
    )
  },
  90_000,
)

kafkaTest(
  'while Kafka stands still the messages that wait for it are told',
  async () => {
    await kafka.freeze()
    try {
      for (const text of ['a', 'b', 'c']) await givenMessage(api, { token: ada, to: 'bob', text })

      await untilScraped(
        ({ value }) =>
          (value('mumega_bridge_kafka_behind_messages', { consumer: 'bridge-kafka-messages' }) ??
            0) >= 3 && value('mumega_dependency_up', { dependency: 'kafka' }) === 0,
        'three messages behind',
      )
    } finally {
      await kafka.thaw()
    }
  },
  90_000,
)
