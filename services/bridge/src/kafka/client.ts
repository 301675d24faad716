import { readFileSync } from 'node:fs'
import { types } from 'node:util'
import kafkajs, { type Kafka, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs'
import { AppError } from '@mumega/errors'
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

/**
 * The connection to Kafka as the settings say; nothing connects yet.
 *
 * @throws config.invalid where a file that is named cannot be read
 */
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
  return { ssl: file === undefined ? true : { ca: [readCa(file)] } }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = types.isNativeError(cause) && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw new AppError(
      'config.invalid',
      'invalid',
      `Wrong settings: KAFKA_TLS_CA_FILE names a file that cannot be read${why}. Name one that is ` +
        'there and that the bridge may read, or leave it out where the system knows the signer.',
      { cause },
    )
  }
}

function saslOf(config: Config): Pick<KafkaConfig, 'sasl'> {
  const { KAFKA_SASL_MECHANISM: mechanism } = config
  if (mechanism === undefined) return {}
  const username = config.KAFKA_SASL_USERNAME ?? ''
  const password = config.KAFKA_SASL_PASSWORD ?? ''
  // A union over the mechanisms, which all take the same two.
  return { sasl: { mechanism, username, password } as SASLOptions }
}
