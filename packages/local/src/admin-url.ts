import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@mumega/errors'
import { LOOPBACK } from './ports.ts'
import { readSecrets } from './secrets.ts'

/** Who makes a cluster of ours, and may do everything in it. */
export const ADMIN = 'postgres'

/** Of the database `postgres` of a server of ours, as the administrator. Holds the password. */
export function adminUrlOf({ port, password }: { port: number; password: string }): string {
  return `postgres://${ADMIN}:${encodeURIComponent(password)}@${LOOPBACK}:${port}/postgres`
}

/**
 * The administrator's URL of the PostgreSQL that runs of this data folder use: our own, which must
 * be running. Holds the password.
 *
 * @throws local.postgres-failed when none of ours runs on this folder, local.secrets-unreadable
 */
export function ownAdminUrl(dataDir: string): string {
  const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
  // Fourth line: the port (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_PORT).
  const port = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[3]) : NaN
  const secrets = readSecrets(join(dataDir, 'secrets.json'))
  if (!Number.isInteger(port) || secrets === undefined) {
    throw new AppError(
      'local.postgres-failed',
      'unavailable',
      `No PostgreSQL runs on ${dataDir}. Start the suite there, or set DATABASE_URL as for the suite.`,
    )
  }
  return adminUrlOf({ port, password: secrets.postgresPassword })
}
