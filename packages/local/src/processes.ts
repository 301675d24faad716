import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { systemCodeOf } from './system-error.ts'

/** How a process ended. `code` is absent when a signal ended it. */
export interface ProcessEnd {
  code: number | undefined
  signal: string | undefined
}

export interface FinishedCommand extends ProcessEnd {
  stdout: string
  stderr: string
}

export interface CommandOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'> {
  timeoutMs: number
  /** A file to read as standard input; nothing when absent. */
  stdin?: number
}

/** A server that runs as a child of this process, in a process group of its own. */
export interface ServerProcess {
  readonly pid: number
  /** Resolves when the process is gone, for whatever reason. */
  readonly ended: Promise<ProcessEnd>
  /**
   * Lets the server finish properly; ends it by force after a bounded wait, which `graceMs`
   * shortens. Safe to call twice.
   */
  stop(graceMs?: number): Promise<void>
  /** Ends it at once with SIGKILL, as a crash would. */
  kill(): Promise<void>
}

/** A signal and how long the process then has to go. */
export interface StopStep {
  signal: NodeJS.Signals
  graceMs: number
}

const OUTPUT_BYTES_MAX = 262_144
const POLL_MS = 25

/**
 * Whether a process with this id runs. One that has ended but was not collected by its parent
 * counts as gone: containers often have no init process that collects orphans.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs, as another user.
    return systemCodeOf(error) === 'EPERM'
  }
  return !isZombie(pid)
}

function isZombie(pid: number): boolean {
  const stat = readProcFile(pid, 'stat')
  if (stat === undefined) return false
  // The program's name stands in parentheses and may itself contain any character.
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z'
}

function readProcFile(pid: number, name: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return undefined // Gone meanwhile, or hidden from this user.
  }
}

/**
 * A mark that tells a process from a later one with the same number, also across restarts of a
 * container; empty where the system does not tell (only Linux does).
 */
export function startMarkOf(pid: number): string {
  const stat = readProcFile(pid, 'stat')
  if (stat === undefined) return ''
  // Field 22 of proc(5), the start in ticks since boot; fields after the name begin with the third.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

/** The folder a process works in; undefined when unknown. Linux only. */
export function workingDirectoryOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined // Gone meanwhile, or hidden from this user.
  }
}

/** The command line of a running process with its words separated by spaces; empty when unknown. */
export async function commandLineOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (readProcFile(pid, 'cmdline') ?? '').replaceAll('\0', ' ').trim()
  }
  const listed = await runCommand('ps', ['-o', 'command=', '-p', String(pid)], {
    timeoutMs: 5_000,
  })
  return listed.stdout.trim()
}

/**
 * Runs a command to its end, with bounded time and output. Never throws: a command that does not
 * exist or takes too long ends without a code, and `stderr` says so.
 */
export function runCommand(
  command: string,
  words: readonly string[],
  { timeoutMs, stdin, ...options }: CommandOptions,
): Promise<FinishedCommand> {
  return new Promise((resolve) => {
    const child = spawn(command, [...words], {
      ...options,
      stdio: [stdin ?? 'ignore', 'pipe', 'pipe'],
    })
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    const finish = (end: ProcessEnd, complaint = '') => {
      clearTimeout(timer)
      resolve({ ...end, stdout: stdout(), stderr: stderr() + complaint })
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.once('error', (error) => {
      finish({ code: undefined, signal: undefined }, error.message)
    })
    child.once('close', (code, signal) => {
      const complaint = signal === null ? '' : `ended by ${signal} (at most ${timeoutMs} ms)`
      finish(endOf(code, signal), complaint)
    })
  })
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('utf8')).slice(-OUTPUT_BYTES_MAX)
  })
  return () => text
}

function endOf(code: number | null, signal: string | null): ProcessEnd {
  return { code: code ?? undefined, signal: signal ?? undefined }
}

/** Resolves when the child has ended, also when it never started. */
export function endOfChild(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: undefined, signal: undefined })
    })
    child.once('exit', (code, signal) => {
      resolve(endOf(code, signal))
    })
  })
}

/** Sends each signal in turn until the process is gone. The last step should be SIGKILL. */
export async function stopProcess(pid: number, steps: readonly StopStep[]): Promise<void> {
  for (const { signal, graceMs } of steps) {
    if (!signalProcess(pid, signal)) return
    const deadline = Date.now() + graceMs
    while (isAlive(pid)) {
      if (Date.now() > deadline) break
      await pause(POLL_MS)
    }
    if (!isAlive(pid)) return
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false // Already gone.
  }
}

const running = new Set<ChildProcess>()

/** Ends every server that this process started, at once and as a crash would: the last resort. */
export function killAllServers(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** The child as a server that `steps` stop. Its output must be read by the caller. */
export function serverProcess(child: ChildProcess, steps: readonly StopStep[]): ServerProcess {
  const { pid } = child
  // Without this listener a program that does not exist would end our own process.
  child.on('error', () => undefined)
  if (pid === undefined) throw new Error(`${child.spawnfile} could not be started.`)
  running.add(child)
  const ended = endOfChild(child).finally(() => running.delete(child))
  return {
    pid,
    ended,
    async stop(graceMs) {
      if (child.exitCode !== null || child.signalCode !== null) return
      const [first, ...others] = steps
      const shortened = first === undefined ? [] : [{ ...first, graceMs: graceMs ?? first.graceMs }]
      await stopProcess(pid, [...shortened, ...others])
      await ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
