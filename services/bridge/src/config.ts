import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'
import { serviceSettings } from '@mumega/config/settings'
import { AppError } from '@mumega/errors'

const Topic = (name: string) =>
  Type.String({ pattern: '^[A-Za-z0-9._-]{1,249}$', maxLength: 249, default: name })

const kafkaProperties = {
  /** `host:port` of some of Kafka's brokers, comma-separated. Without it there is no Kafka side. */
  KAFKA_BROKERS: Type.Optional(Type.String({ pattern: '^[^\\s,:]+:\\d+(,[^\\s,:]+:\\d+)*$' })),
  KAFKA_CLIENT_ID: Type.String({ minLength: 1, maxLength: 249, default: 'mumega-bridge' }),
  /** The consumer group in which the bridges share the inbound topic. */
  KAFKA_GROUP_ID: Type.String({ minLength: 1, maxLength: 249, default: 'mumega-bridge' }),
  /** Names this system in what it forwards; systems joined by Kafka need different ones. */
  KAFKA_INSTANCE: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{0,62}$', default: 'mumega' }),
  KAFKA_MESSAGES_TOPIC: Topic('mumega.messages'),
  KAFKA_EVENTS_TOPIC: Topic('mumega.events'),
  KAFKA_AUDIT_TOPIC: Topic('mumega.audit'),
  KAFKA_INBOUND_TOPIC: Topic('mumega.inbound'),
  KAFKA_DEAD_LETTERS_TOPIC: Topic('mumega.dead-letters'),
  /** Whether the texts of messages are forwarded with them. */
  KAFKA_TEXTS: Type.Boolean({ default: true }),
  /** Off only for brokers that know no idempotent producers: a retry may then write twice. */
  KAFKA_IDEMPOTENT: Type.Boolean({ default: true }),
  KAFKA_TLS: Type.Boolean({ default: false }),
  /** PEM of who signed the brokers' certificates, where the system does not know them. */
  KAFKA_TLS_CA_FILE: Type.Optional(Type.String({ minLength: 1 })),
  KAFKA_SASL_MECHANISM: Type.Optional(Type.Enum(['plain', 'scram-sha-256', 'scram-sha-512'])),
  KAFKA_SASL_USERNAME: Type.Optional(Type.String({ minLength: 1 })),
  KAFKA_SASL_PASSWORD: Type.Optional(Type.String({ minLength: 1 })),
}

export const configSchema = Type.Object({
  ...serviceSettings,
  /** Messages, not settled, that one inbox holds before it refuses more. */
  BRIDGE_INBOX_UNREAD_MAX: Type.Integer({ minimum: 1, maximum: 10_000_000, default: 100_000 }),
  /** An agent is active for so many seconds of the system's time after its last work. */
  BRIDGE_ACTIVE_SECONDS: Type.Integer({ minimum: 1, maximum: 86_400, default: 600 }),
  /** For so many seconds a heartbeat says that an agent is there. */
  BRIDGE_ALIVE_SECONDS: Type.Integer({ minimum: 1, maximum: 86_400, default: 300 }),
  /** For so many seconds a run that has begun is work under way. */
  BRIDGE_RUN_SECONDS: Type.Integer({ minimum: 1, maximum: 604_800, default: 3_600 }),
  /** An agent that leaves mail unread for longer than so many seconds is dormant. */
  BRIDGE_UNREAD_SECONDS: Type.Integer({ minimum: 1, maximum: 604_800, default: 1_800 }),
  /** An agent without any sign for longer than so many seconds is dead. */
  BRIDGE_DEAD_SECONDS: Type.Integer({ minimum: 1, maximum: 31_536_000, default: 86_400 }),
  /**
   * Asks that wait in this process at once. The bus runs 256 handlers of one subject and queues the
   * rest unheard.
   */
  BRIDGE_ASKS_WAITING_MAX: Type.Integer({ minimum: 1, maximum: 255, default: 250 }),
  /** How many of them one tenant may have, so that no tenant takes all. */
  BRIDGE_ASKS_WAITING_PER_TENANT_MAX: Type.Integer({ minimum: 1, maximum: 255, default: 100 }),
  /** How many of those one agent may have: one whose callers are gone leaves room for others. */
  BRIDGE_ASKS_WAITING_PER_AGENT_MAX: Type.Integer({ minimum: 1, maximum: 255, default: 25 }),
  ...kafkaProperties,
})
export type Config = Static<typeof configSchema>

/** Reads the bridge's settings. @throws config.invalid */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const config = readConfig(configSchema, environment)
  const complaint = kafkaComplaint(config)
  if (complaint === undefined) return config
  throw new AppError('config.invalid', 'invalid', `Wrong settings: ${complaint}.`)
}

/** What no setting shows by itself. */
function kafkaComplaint(config: Config): string | undefined {
  const topics = [
    config.KAFKA_MESSAGES_TOPIC,
    config.KAFKA_EVENTS_TOPIC,
    config.KAFKA_AUDIT_TOPIC,
    config.KAFKA_INBOUND_TOPIC,
    config.KAFKA_DEAD_LETTERS_TOPIC,
  ]
  // The bridge would read what it writes.
  if (new Set(topics).size < topics.length) return 'the KAFKA_*_TOPIC must differ from each other'
  const { KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD } = config
  const sasl = [KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD]
  const given = sasl.filter((value) => value !== undefined).length
  if (given > 0 && given < sasl.length) {
    return 'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD go together'
  }
  if (config.KAFKA_TLS_CA_FILE !== undefined && !config.KAFKA_TLS) {
    return 'KAFKA_TLS_CA_FILE needs KAFKA_TLS'
  }
  return undefined
}
