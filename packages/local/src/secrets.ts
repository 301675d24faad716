import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { mapOf } from '@mumega/contracts/scalars'
import { AppError } from '@mumega/errors'
import { replaceFile } from './replace-file.ts'
import { newSeed } from './nkeys.ts'
import { systemCodeOf } from './system-error.ts'

const ServiceSecrets = Type.Object({
  databasePassword: Type.String({ minLength: 20 }),
  natsSeed: Type.String({ minLength: 50 }),
})

const Secrets = Type.Object({
  postgresPassword: Type.String({ minLength: 20 }),
  natsAdminSeed: Type.String({ minLength: 50 }),
  services: mapOf(ServiceSecrets),
})

/** What one installation keeps secret: made on its first run, then kept. */
export type Secrets = Static<typeof Secrets>

/**
 * The secrets in this file, of which each service will get its own only. Makes what is missing: all
 * of them on the first run, those of a service that is new since.
 *
 * @throws local.secrets-unreadable
 */
export function loadSecrets(path: string, services: readonly string[]): Secrets {
  const kept = readSecrets(path)
  const secrets: Secrets = kept ?? {
    postgresPassword: newPassword(),
    natsAdminSeed: newSeed(),
    services: {},
  }
  const missing = services.filter((service) => secrets.services[service] === undefined)
  for (const service of missing) {
    secrets.services[service] = { databasePassword: newPassword(), natsSeed: newSeed() }
  }
  if (kept === undefined || missing.length > 0) {
    replaceFile(path, `${JSON.stringify(secrets, undefined, 2)}\n`)
  }
  return secrets
}

function newPassword(): string {
  return randomBytes(24).toString('base64url')
}

/** Undefined before the first run. @throws local.secrets-unreadable */
export function readSecrets(path: string): Secrets | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw unreadable(path, error)
  }
  try {
    return Value.Parse(Secrets, JSON.parse(text))
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, cause: unknown): AppError {
  return new AppError(
    'local.secrets-unreadable',
    'unavailable',
    `${path} cannot be read. Without it the data beside it cannot be opened: restore it from a backup.`,
    { cause },
  )
}
