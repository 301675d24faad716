import { Type } from 'typebox'
import { readConfig } from '@mumega/config'
import type { Environment } from './config.ts'
import type { Installation } from './installation.ts'

/** The environment of `init.js`. */
export const initSchema = Type.Object({
  MUMEGA_SECRETS_DIR: Type.String({ minLength: 1 }),
  /** `host:port/database`. */
  MUMEGA_POSTGRES_ADDRESS: Type.String({ pattern: '^[a-z0-9.-]+:[0-9]+/[a-z_]+$' }),
  /** Host names, comma-separated. */
  MUMEGA_NATS_HOSTS: Type.String({ pattern: '^[a-z0-9.-]+(,[a-z0-9.-]+)*$' }),
  MUMEGA_NATS_STORE_DIR: Type.String({ minLength: 1 }),
})

/** @throws config.invalid naming each variable that is missing or wrong. */
export function loadInstallation(environment: Environment): Installation {
  const config = readConfig(initSchema, environment)
  return {
    secretsDir: config.MUMEGA_SECRETS_DIR,
    postgresAddress: config.MUMEGA_POSTGRES_ADDRESS,
    natsHosts: config.MUMEGA_NATS_HOSTS.split(','),
    natsStoreDir: config.MUMEGA_NATS_STORE_DIR,
  }
}
