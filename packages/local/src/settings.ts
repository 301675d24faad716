import { isAbsolute, join } from 'node:path'
import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'
import { TIME_MS_MAX } from '@mumega/config/clock'
import { databaseUrl, logLevel, natsUrl, timeScale } from '@mumega/config/settings'
import { isOrigin } from '@mumega/tlog/checkpoint'
import type { Environment } from './config.ts'
import { ROOT } from './paths.ts'

/** The environment of `npm start`. */
export const settingsSchema = Type.Object({
  /** Where everything is kept; a relative path starts at the repository. */
  MUMEGA_DATA_DIR: Type.String({ minLength: 1, default: '.mumega' }),
  MUMEGA_HOST: Type.String({ minLength: 1, default: '127.0.0.1' }),
  /** Of the gateway. 0 takes a free one. */
  MUMEGA_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8420 }),
  /** The administrator's URL of a PostgreSQL to use in the place of our own. */
  DATABASE_URL: Type.Optional(databaseUrl),
  /** A NATS to use in the place of our own; it must know the users of `<data>/nats-users.json`. */
  NATS_URL: Type.Optional(natsUrl),
  /** Seed of the user there that may create streams. Ours in `<data>/secrets.json` when absent. */
  MUMEGA_NATS_ADMIN_SEED: Type.Optional(Type.String({ minLength: 50 })),
  /** The log's name in its checkpoints. Must never change for one log. */
  LEDGER_ORIGIN: Type.Refine(
    Type.String({ minLength: 1, maxLength: 200, default: 'localhost/mumega' }),
    isOrigin,
    () => 'must hold no space, control or plus sign',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String({ minLength: 1 })),
  LOG_LEVEL: logLevel,
  MUMEGA_TIME_SCALE: timeScale,
  MUMEGA_TIME_ORIGIN_MS: Type.Optional(Type.Integer({ minimum: 0, maximum: TIME_MS_MAX })),
})
export type Settings = Static<typeof settingsSchema>

/** @throws config.invalid naming each variable that is wrong. */
export function loadSettings(environment: Environment): Settings {
  return readConfig(settingsSchema, environment)
}

/** The data folder as an absolute path. */
export function dataDirOf(settings: Settings): string {
  const dir = settings.MUMEGA_DATA_DIR
  return isAbsolute(dir) ? dir : join(ROOT, dir)
}
