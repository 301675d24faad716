import { AppError } from '@mumega/errors'
import type { DataFolder } from './data-folder.ts'
import { keepRunning } from './keep-running.ts'
import { openLogFile } from './log-file.ts'
import { findNatsServer } from './nats-binary.ts'
import { startNatsServer } from './nats.ts'
import { publicNkeyOf } from './nkeys.ts'
import { checkPostgres } from './postgres-check.ts'
import { startPostgres } from './postgres.ts'
import type { Progress } from './progress.ts'
import { replaceFile } from './replace-file.ts'
import type { Secrets } from './secrets.ts'
import type { Settings } from './settings.ts'
import type { Stoppable } from './stop-all.ts'

export interface ServersOptions {
  folder: DataFolder
  settings: Settings
  secrets: Secrets
  progress: Progress
  /** Gets each server as soon as it runs, so that it is stopped whatever comes after. */
  keep: (server: Stoppable) => void
}

/** The administrator's URL of the database: of DATABASE_URL, or of a PostgreSQL of our own. */
export async function providePostgres(options: ServersOptions): Promise<string> {
  const { folder, settings, secrets, progress } = options
  if (settings.DATABASE_URL !== undefined) {
    await checkPostgres(settings.DATABASE_URL)
    progress.step('PostgreSQL: the one of DATABASE_URL')
    return settings.DATABASE_URL
  }
  const log = openLogFile(folder.at('logs', 'postgres.log'))
  let port: number | undefined
  const kept = await keepRunning({
    name: 'PostgreSQL',
    log: progress.step,
    async start() {
      const server = await startPostgres({
        dataDir: folder.at('postgres'),
        password: secrets.postgresPassword,
        // The services keep the address: after a crash it comes back in the same place.
        ...(port === undefined ? {} : { port }),
        onLine: log.write,
      })
      port = server.port
      return server
    },
  })
  options.keep({ name: 'PostgreSQL', layer: 'database', stop: kept.stop })
  progress.step(`PostgreSQL runs on port ${kept.current().port}`)
  return kept.current().adminUrl
}

export interface ProvidedNats {
  url: string
  adminSeed: string
}

/** NATS: of NATS_URL, or a server of our own with one user per service. */
export async function provideNats(options: ServersOptions): Promise<ProvidedNats> {
  const { folder, settings, secrets, progress } = options
  const users = Object.fromEntries(
    Object.entries(secrets.services).map(([name, own]) => [name, publicNkeyOf(own.natsSeed)]),
  )
  if (settings.NATS_URL !== undefined) {
    const adminSeed = settings.MUMEGA_NATS_ADMIN_SEED ?? secrets.natsAdminSeed
    const file = folder.at('nats-users.json')
    const known = { admin: publicNkeyOf(adminSeed), services: users }
    replaceFile(file, `${JSON.stringify(known, undefined, 2)}\n`)
    progress.step(`NATS: the one of NATS_URL, which must know the users in ${file}`)
    return { url: settings.NATS_URL, adminSeed }
  }
  const program = await findNatsServer({ log: progress.step })
  const log = openLogFile(folder.at('logs', 'nats.log'))
  let port: number | undefined
  const kept = await keepRunning({
    name: 'NATS',
    log: progress.step,
    async start() {
      const server = await startNatsServer({
        program: program.path,
        dir: folder.at('nats'),
        ...(port === undefined ? {} : { port }),
        users,
        adminPublicNkey: publicNkeyOf(secrets.natsAdminSeed),
        onLine: log.write,
      })
      port = server.port
      return server
    },
  })
  options.keep({ name: 'NATS', layer: 'bus', stop: kept.stop })
  const { version, origin } = program
  progress.step(`NATS ${version} (${origin}) runs on port ${kept.current().port}`)
  return { url: kept.current().url, adminSeed: secrets.natsAdminSeed }
}

/** @throws local.port-in-use */
export function portInUse(host: string, port: number): AppError {
  return new AppError(
    'local.port-in-use',
    'conflict',
    `Port ${port} on ${host} is in use. Stop what uses it, or choose another: MUMEGA_PORT=${port + 1}.`,
  )
}
