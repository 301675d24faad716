import { mkdirSync, openSync, closeSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlive, startMarkOf } from './processes.ts'
import { systemCodeOf } from './system-error.ts'

export interface FileLock {
  release(): void
}

/** Who holds a lock, as it wrote itself down. */
export interface LockHolder {
  pid: number
  /**
   * Tells this process from a later one with the same number; empty where the system cannot say.
   */
  startMark: string
}

// The takeover of a dead holder's lock takes milliseconds; a guard older than this lost its owner.
const GUARD_MS_MAX = 10_000

/**
 * Takes the lock, or says who holds it. Node has no file locks of the operating system, so the
 * lock is a file that names its holder, and one whose holder is dead is taken over.
 */
export function tryLock(path: string): FileLock | { heldBy: LockHolder } {
  mkdirSync(dirname(path), { recursive: true })
  if (!createWith(path, myself())) {
    const holder = readHolder(path)
    if (holder !== undefined && isRunning(holder)) return { heldBy: holder }
    if (!takeOver(path)) return { heldBy: readHolder(path) ?? { pid: 0, startMark: '' } }
  }
  return {
    release() {
      if (readHolder(path)?.pid === process.pid) rmSync(path, { force: true })
    },
  }
}

function myself(): LockHolder {
  return { pid: process.pid, startMark: startMarkOf(process.pid) }
}

function createWith(path: string, holder: LockHolder): boolean {
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return false
    throw error
  }
  writeSync(file, JSON.stringify(holder))
  closeSync(file)
  return true
}

function readHolder(path: string): LockHolder | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof holder !== 'object' || holder === null) return undefined
    const { pid, startMark } = holder as Partial<LockHolder>
    if (typeof pid !== 'number' || typeof startMark !== 'string') return undefined
    return { pid, startMark }
  } catch {
    return undefined // Absent, or cut off by a crash while it was written.
  }
}

function isRunning({ pid, startMark }: LockHolder): boolean {
  return isAlive(pid) && startMarkOf(pid) === startMark
}

/** Only one process at a time may replace a dead holder's lock, else two could both win. */
function takeOver(path: string): boolean {
  const guard = `${path}.takeover`
  if (!createWith(guard, myself())) {
    if (ageMsOf(guard) > GUARD_MS_MAX) rmSync(guard, { force: true })
    return false
  }
  try {
    const holder = readHolder(path)
    // A lock without a readable holder may just be being written by its live owner.
    if (holder === undefined && ageMsOf(path) < GUARD_MS_MAX) return false
    if (holder !== undefined && isRunning(holder)) return false
    rmSync(path, { force: true })
    return createWith(path, myself())
  } finally {
    rmSync(guard, { force: true })
  }
}

function ageMsOf(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return Number.POSITIVE_INFINITY // Gone meanwhile.
  }
}
