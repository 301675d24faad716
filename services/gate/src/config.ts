import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'
import { serviceSettings } from '@mumega/config/settings'

export const configSchema = Type.Object({ ...serviceSettings })
export type Config = Static<typeof configSchema>

/** @throws config.invalid naming each variable that is wrong. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readConfig(configSchema, environment)
}
