import { readFileSync } from 'node:fs'
import kafkajs, { type Kafka, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs'
import { logger } from '@mumega/telemetry'
import type { Config } from '../config.ts'

/**
 * How long one call to a broker may take, and how often it is made before the caller hears of its
 * failure: within half a minute, so that health says so while it is news.
 */
const LIMITS = {
  connectionTimeout: 3_000,
  authenticationTimeout: 5_000,
  requestTimeout: 10_000,
  // Without it a broker that stands still is waited for without end.
  enforceRequestTimeout: true,
  retry: { retries: 2, initialRetryTime: 200, maxRetryTime: 2_000 },
} as const

/** The connection to Kafka as the settings say; nothing connects yet. */
export function openKafka(config: Config): Kafka {
  const log = logger('bridge')
  return new kafkajs.Kafka({
    clientId: config.KAFKA_CLIENT_ID,
    brokers: (config.KAFKA_BROKERS ?? '').split(','),
    ...LIMITS,
    ...tlsOf(config),
    ...saslOf(config),
    logLevel: kafkajs.logLevel.WARN,
    // The bridge says itself what failed. What the library says on the way there is for debugging.
    logCreator:
      () =>
      ({ namespace, log: { message, error } }: LogEntry) => {
        log.debug({ namespace, message, reason: String(error ?? '') }, 'kafka-client')
      },
  })
}

function tlsOf(config: Config): Pick<KafkaConfig, 'ssl'> {
  if (!config.KAFKA_TLS) return {}
  const file = config.KAFKA_TLS_CA_FILE
  return { ssl: file === undefined ? true : { ca: [readFileSync(file, 'utf8')] } }
}

function saslOf(config: Config): Pick<KafkaConfig, 'sasl'> {
  const { KAFKA_SASL_MECHANISM: mechanism } = config
  if (mechanism === undefined) return {}
  const username = config.KAFKA_SASL_USERNAME ?? ''
  const password = config.KAFKA_SASL_PASSWORD ?? ''
  // A union over the mechanisms, which all take the same two.
  return { sasl: { mechanism, username, password } as SASLOptions }
}
