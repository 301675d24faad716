import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'

export const configSchema = Type.Object({
  /** Where the local run keeps its data, and writes `run.json` and `log.vkey`. */
  MUMEGA_DATA_DIR: Type.String({ default: '.mumega' }),
})
export type Config = Static<typeof configSchema>

export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readConfig(configSchema, environment)
}
