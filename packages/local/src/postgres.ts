import { spawn } from 'node:child_process'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '@mumega/errors'
import { ADMIN, adminUrlOf } from './admin-url.ts'
import { readOutput } from './output-tail.ts'
import { checkPostgres } from './postgres-check.ts'
import { freePort, LOOPBACK } from './ports.ts'
import { findPostgres, type PostgresProgram, type UserIds } from './postgres-program.ts'
import {
  commandLineOf,
  isAlive,
  runCommand,
  serverProcess,
  stopProcess,
  workingDirectoryOf,
  type ServerProcess,
  type StopStep,
} from './processes.ts'

export interface PostgresOptions {
  /** Kept from run to run; made on the first one. */
  dataDir: string
  /** A free one is taken when absent. */
  port?: number
  /**
   * Of the administrator `postgres`. Set when the cluster is made; must stay the same afterwards.
   */
  password: string
  /** Gets each line that the server writes. */
  onLine?: (line: string) => void
  /** For throw-away clusters of tests only: faster, and a power cut loses data. */
  unsafeFast?: boolean
  /** Settings of postgresql.conf that replace ours. */
  settings?: Readonly<Record<string, string>>
}

export interface Postgres extends ServerProcess {
  readonly port: number
  /** Of the database `postgres`, as the administrator. Holds the password. */
  readonly adminUrl: string
}

const INIT_MS_MAX = 60_000
// A cluster that crashed under load replays its log first; the old one's backends must go before.
const START_MS_MAX = 60_000
const OLD_BACKENDS_MS_MAX = 20_000
const POLL_MS = 25
// SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, which the next start recovers
// from.
const STOP: readonly StopStep[] = [
  { signal: 'SIGINT', graceMs: 6_000 },
  { signal: 'SIGQUIT', graceMs: 500 },
  { signal: 'SIGKILL', graceMs: 2_000 },
]
const OLD_BACKENDS = /pre-existing shared memory block|lock file "postmaster.pid" already exists/
const PORT_TAKEN = /could not bind|could not create any TCP\/IP sockets/

/**
 * Starts a PostgreSQL server of our own on the loopback address and waits until it answers. Makes
 * the cluster first when the folder holds none. A server that a killed run left behind on this
 * folder is stopped before.
 *
 * @throws local.no-postgres, local.postgres-as-root, local.postgres-failed with the server's words.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const program = await findPostgres()
  mkdirSync(dirname(options.dataDir), { recursive: true })
  if (!existsSync(join(options.dataDir, 'PG_VERSION'))) await makeCluster(program, options)
  await stopLeftPostgres(options.dataDir)

  const deadline = Date.now() + OLD_BACKENDS_MS_MAX
  for (;;) {
    const port = options.port ?? (await freePort())
    const outcome = await launch(program, { ...options, port })
    if ('pid' in outcome) return outcome
    const mayPass =
      OLD_BACKENDS.test(outcome.complaint) ||
      (options.port === undefined && PORT_TAKEN.test(outcome.complaint))
    if (!mayPass || Date.now() > deadline) throw failed('did not start', outcome.complaint)
    await pause(10 * POLL_MS)
  }
}

function failed(what: string, complaint: string): AppError {
  const words = complaint.split('\n').slice(-6).join('\n')
  return new AppError('local.postgres-failed', 'unavailable', `PostgreSQL ${what}: ${words}`)
}

/**
 * Made beside its place and renamed into it, so that an interrupted first start leaves no half
 * cluster.
 */
async function makeCluster(
  { initdb, ids }: PostgresProgram,
  { dataDir, password }: PostgresOptions,
): Promise<void> {
  const workDir = `${dataDir}.new`
  rmSync(workDir, { recursive: true, force: true })
  const cluster = join(workDir, 'cluster')
  const passwordFile = join(workDir, 'password')
  mkdirSync(cluster, { recursive: true, mode: 0o700 })
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  if (ids !== undefined)
    for (const path of [cluster, passwordFile]) chownSync(path, ids.uid, ids.gid)

  const passwordIn = openSync(passwordFile, 'r')
  const words = [
    `--pgdata=${pathInside(cluster, ids)}`,
    `--username=${ADMIN}`,
    '--pwfile=/dev/stdin',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The same order of text on every machine, whatever languages it has.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ]
  const made = await runCommand(initdb, words, {
    ...ids,
    cwd: cluster,
    env: serverEnvironment(),
    stdin: passwordIn,
    timeoutMs: INIT_MS_MAX,
  })
  closeSync(passwordIn)
  if (made.code !== 0) throw failed('could not make its data folder', made.stderr || made.stdout)
  renameSync(cluster, dataDir)
  rmSync(workDir, { recursive: true, force: true })
}

/**
 * How a server that was started inside its data folder names it. The user that replaces root may
 * not be allowed to enter the folders above (a clone in root's home): to Linux's name of the
 * current folder that does not matter.
 */
function pathInside(dataDir: string, ids: UserIds | undefined): string {
  return ids !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : dataDir
}

// Nothing of ours: PGDATA and its like would change what the server does.
function serverEnvironment(): NodeJS.ProcessEnv {
  return { LC_ALL: 'C', TZ: 'UTC' }
}

/**
 * Stops the server that a run killed with SIGKILL left on this folder, and forgets its pid file.
 */
export async function stopLeftPostgres(dataDir: string): Promise<void> {
  const pidFile = join(dataDir, 'postmaster.pid')
  const pid = Number(readLines(pidFile)[0])
  if (!Number.isInteger(pid) || pid <= 0) return
  // The number may belong to another program by now. Only our own server works in this folder.
  if (isAlive(pid) && (await worksIn(pid, dataDir))) await stopProcess(pid, STOP)
  else rmSync(pidFile, { force: true })
}

async function worksIn(pid: number, dataDir: string): Promise<boolean> {
  if (process.platform === 'linux') return workingDirectoryOf(pid) === realpathSync(dataDir)
  return (await commandLineOf(pid)).includes(dataDir)
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return [] // Absent: the server was stopped properly, or has not written it yet.
  }
}

type LaunchOptions = PostgresOptions & { port: number }

async function launch(
  { postgres, ids }: PostgresProgram,
  { dataDir, port, password, onLine, unsafeFast, settings }: LaunchOptions,
): Promise<Postgres | { complaint: string }> {
  const place = ['-D', pathInside(dataDir, ids), '-p', String(port)]
  const child = spawn(
    postgres,
    [...place, ...settingsWords({ ...(unsafeFast === true ? UNSAFE : {}), ...settings })],
    {
      ...ids,
      cwd: dataDir,
      env: serverEnvironment(),
      // A process group of its own: the Ctrl-C of the terminal must not reach it before the
      // services.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const tail = readOutput(child, onLine ?? (() => undefined))
  const server = serverProcess(child, STOP)
  const isReady = await becomesReady(dataDir, server)
  if (!isReady) {
    await server.stop()
    return { complaint: tail() || 'it gave no reason.' }
  }
  const adminUrl = adminUrlOf({ port, password })
  await checkPostgres(adminUrl).catch(async (error: unknown) => {
    await server.stop()
    throw error
  })
  return { ...server, port, adminUrl }
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: LOOPBACK,
  // TCP with a password is the only way in; a socket file would need a short path and its own rule.
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
}
const UNSAFE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

function settingsWords(own: Readonly<Record<string, string>>): string[] {
  const settings = Object.entries({ ...SETTINGS, ...own })
  return settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Whether the server says in its pid file, within the bound, that it takes connections. */
async function becomesReady(dataDir: string, server: ServerProcess): Promise<boolean> {
  let hasEnded = false
  void server.ended.then(() => {
    hasEnded = true
  })
  const deadline = Date.now() + START_MS_MAX
  while (!hasEnded && Date.now() < deadline) {
    const lines = readLines(join(dataDir, 'postmaster.pid'))
    // First line: the process; eighth: its state (PostgreSQL's miscadmin.h,
    // LOCK_FILE_LINE_PM_STATUS).
    if (Number(lines[0]) === server.pid && lines[7]?.trim() === 'ready') return true
    await pause(POLL_MS)
  }
  return false
}
