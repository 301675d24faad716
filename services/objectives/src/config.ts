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
  /**
   * JSON, an array of `{ principalId, displayName, vkey }`: the principals of the installation with
   * their first keys. Those that are not on record are registered at the start; the others are left
   * as they are.
   */
  OBJECTIVES_PRINCIPALS_FILE: Type.Optional(Type.String({ minLength: 1 })),
})
export type Config = Static<typeof configSchema>

/** @throws config.invalid naming each variable that is wrong. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readConfig(configSchema, environment)
}
