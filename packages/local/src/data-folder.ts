import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@mumega/errors'
import { tryLock } from './file-lock.ts'
import { commandLineOf, isAlive, stopProcess } from './processes.ts'
import { replaceFile } from './replace-file.ts'

/** The folder that holds one installation, in use by this process only. */
export interface DataFolder {
  readonly path: string
  /** A file or folder in it. */
  at(...names: string[]): string
  release(): void
}

/** What tells others about the run that is on: `mumega trace`, tests, the next start. */
export interface RunFile {
  gatewayUrl: string
  /** Where `GET /traces/<id>` is answered; absent when traces go to a collector elsewhere. */
  tracesUrl?: string
  pid: number
  /** UTC. */
  startedAt: string
}

const PIDS_FILE = 'services.json'
const LEFT_OVER_MS_MAX = 10_000

/**
 * Makes the folder when it is new and locks it. Services that a killed supervisor left behind are
 * waited for: they stop by themselves.
 *
 * @throws local.data-folder-in-use, local.data-folder-unusable
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  try {
    // As root PostgreSQL runs as another user, who must be able to pass through; each file has its
    // own mode.
    mkdirSync(path, { recursive: true, mode: 0o711 })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'no reason given'
    throw new AppError(
      'local.data-folder-unusable',
      'unavailable',
      `The data folder ${path} cannot be used (${why}). Choose another with MUMEGA_DATA_DIR.`,
      { cause },
    )
  }
  const lock = tryLock(join(path, 'run.lock'))
  if ('heldBy' in lock) throw inUse(path, lock.heldBy.pid)
  await endLeftServices(join(path, PIDS_FILE))
  return {
    path,
    at: (...names) => join(path, ...names),
    release() {
      for (const name of ['run.json', PIDS_FILE]) rmSync(join(path, name), { force: true })
      lock.release()
    },
  }
}

function inUse(path: string, pid: number): AppError {
  return new AppError(
    'local.data-folder-in-use',
    'conflict',
    `The data folder ${path} is in use by another run, process ${pid}. Stop that one (Ctrl-C there, ` +
      `or: kill ${pid}), or choose another folder with MUMEGA_DATA_DIR.`,
  )
}

/** Tells others about this run. */
export function writeRunFile(folder: DataFolder, run: RunFile): void {
  replaceFile(folder.at('run.json'), `${JSON.stringify(run, undefined, 2)}\n`)
}

/** Remembers the services' processes for the start after a crash of this one. */
export function writeServicePids(folder: DataFolder, pids: Readonly<Record<string, number>>): void {
  replaceFile(folder.at(PIDS_FILE), `${JSON.stringify(pids)}\n`)
}

async function endLeftServices(pidsFile: string): Promise<void> {
  for (const pid of servicePidsIn(pidsFile)) {
    // The number may belong to another program by now. Ours name the watch that we load into them.
    if (!isAlive(pid) || !(await commandLineOf(pid)).includes('parent-watch.js')) continue
    await stopProcess(pid, [
      { signal: 'SIGTERM', graceMs: LEFT_OVER_MS_MAX },
      { signal: 'SIGKILL', graceMs: 1_000 },
    ])
  }
  rmSync(pidsFile, { force: true })
}

function servicePidsIn(pidsFile: string): number[] {
  if (!existsSync(pidsFile)) return []
  try {
    const pids = JSON.parse(readFileSync(pidsFile, 'utf8')) as Record<string, unknown>
    return Object.values(pids).filter((pid) => typeof pid === 'number' && pid > 0) as number[]
  } catch {
    return [] // Not ours: replaceFile never leaves half a file.
  }
}
