import { expect, test } from '@jest/globals'
import { loadConfig } from './config.ts'

const GIVEN = { DATABASE_URL: 'postgres://x', NATS_URL: 'nats://x' }
const load = (kafka: Record<string, string>) => loadConfig({ ...GIVEN, ...kafka })

test('Kafka is off unless brokers are named, and then has topics of its own', () => {
  expect(load({}).KAFKA_BROKERS).toBeUndefined()
  expect(load({ KAFKA_BROKERS: 'one:9092,two:9093' })).toMatchObject({
    KAFKA_BROKERS: 'one:9092,two:9093',
    KAFKA_MESSAGES_TOPIC: 'mumega.messages',
    KAFKA_INBOUND_TOPIC: 'mumega.inbound',
    KAFKA_TEXTS: true,
    KAFKA_IDEMPOTENT: true,
  })
})

test.each([
  [{ KAFKA_BROKERS: 'one' }, 'KAFKA_BROKERS'],
  [{ KAFKA_BROKERS: 'one:9092, two:9092' }, 'KAFKA_BROKERS'],
  [{ KAFKA_EVENTS_TOPIC: 'a topic' }, 'KAFKA_EVENTS_TOPIC'],
  [{ KAFKA_INBOUND_TOPIC: 'mumega.messages' }, 'KAFKA_*_TOPIC'],
  [{ KAFKA_SASL_USERNAME: 'ada' }, 'KAFKA_SASL_MECHANISM'],
  [{ KAFKA_SASL_MECHANISM: 'magic' }, 'KAFKA_SASL_MECHANISM'],
  [{ KAFKA_TLS_CA_FILE: '/ca.pem' }, 'KAFKA_TLS'],
  [{ KAFKA_TEXTS: 'perhaps' }, 'KAFKA_TEXTS'],
])('settings that make no sense are refused by name: %j', (settings, named) => {
  expect(() => load(settings)).toThrow(named)
})
