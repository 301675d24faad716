import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'
import { databaseUrl } from '@mumega/config/settings'

// The repository's root folder, seen from this package's `dist/src`.
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

export const configSchema = Type.Object({
  /** Where the local run keeps its data, and writes `run.json` and `log.vkey`. */
  MUMEGA_DATA_DIR: Type.String({ minLength: 1, default: '.mumega' }),
  /** The administrator's URL of the PostgreSQL, where the local run does not use one of its own. */
  DATABASE_URL: Type.Optional(databaseUrl),
  /** The operator's, for what changes something. */
  MUMEGA_TOKEN: Type.Optional(Type.String()),
  /** How long a pipe that is read may be without a word. */
  MUMEGA_PIPE_SILENCE_MS: Type.Integer({ minimum: 1, maximum: 86_400_000, default: 60_000 }),
  /** Where the local run was told to keep the log's newest checkpoint. */
  LEDGER_CHECKPOINT_FILE: Type.Optional(Type.String({ minLength: 1 })),
})
export type Config = Static<typeof configSchema>

/**
 * The data folder is an absolute path then: a relative one starts at the repository as it does for
 * the supervisor, so that both mean the same folder wherever the program is called.
 *
 * @throws config.invalid naming the variable that is wrong
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const config = readConfig(configSchema, environment)
  return { ...config, MUMEGA_DATA_DIR: resolve(ROOT, config.MUMEGA_DATA_DIR) }
}
