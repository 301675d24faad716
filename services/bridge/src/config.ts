import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'
import { databaseUrl, logLevel, natsUrl, timeOriginMs, timeScale } from '@mumega/config/settings'

export const configSchema = Type.Object({
  DATABASE_URL: databaseUrl,
  NATS_URL: natsUrl,
  NATS_NKEY_SEED: Type.Optional(Type.String({ minLength: 1 })),
  LOG_LEVEL: logLevel,
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String({ minLength: 1 })),
  MUMEGA_TIME_SCALE: timeScale,
  MUMEGA_TIME_ORIGIN_MS: timeOriginMs,
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
})
export type Config = Static<typeof configSchema>

/** Reads the bridge's settings. @throws config.invalid */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readConfig(configSchema, environment)
}
