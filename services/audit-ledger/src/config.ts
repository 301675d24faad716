import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'

/** The environment of the audit-ledger. */
export const configSchema = Type.Object({
  DATABASE_URL: Type.String({ minLength: 1 }),
  NATS_URL: Type.String({ minLength: 1 }),
  NATS_NKEY_SEED: Type.String({ minLength: 1 }),
  /** The log's name in its checkpoints, for instance `localhost/mumega`. */
  LEDGER_ORIGIN: Type.String({ pattern: '^[^\\s+]{1,200}$' }),
  /** File with the 32-byte Ed25519 seed as base64, readable by its owner only. */
  LEDGER_KEY_FILE: Type.String({ minLength: 1 }),
  /** Where the newest checkpoint is kept outside the database; beside the key when absent. */
  LEDGER_CHECKPOINT_FILE: Type.Optional(Type.String({ minLength: 1 })),
  /**
   * Milliseconds after which a leader that does not renew its lease is replaced by another ledger
   * on the same database. A failover takes as long, and half a second.
   */
  LEDGER_LEASE_MS: Type.Integer({ default: 2_000, minimum: 500, maximum: 60_000 }),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String()),
  LOG_LEVEL: Type.String({ default: 'info' }),
  MUMEGA_TIME_SCALE: Type.Number({ default: 1, exclusiveMinimum: 0 }),
  MUMEGA_TIME_ORIGIN_MS: Type.Number({ default: 0, minimum: 0 }),
})
export type Config = Static<typeof configSchema>

/** @throws config.invalid naming each variable that is missing or wrong. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readConfig(configSchema, environment)
}
