import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { natsConfig } from '@mumega/bus/streams'
import { AppError } from '@mumega/errors'
import { readOutput } from './output-tail.ts'
import { LOOPBACK } from './ports.ts'
import {
  commandLineOf,
  isAlive,
  serverProcess,
  stopProcess,
  type ServerProcess,
  type StopStep,
} from './processes.ts'

export interface NatsOptions {
  /** The nats-server program. */
  program: string
  /** Holds the configuration, the pid file and the streams; kept from run to run. */
  dir: string
  /** A free one is taken when absent. */
  port?: number
  /** The public key of each service's user. */
  users: Readonly<Record<string, string>>
  adminPublicNkey: string
  /** Gets each line that the server writes. */
  onLine?: (line: string) => void
}

export interface NatsServer extends ServerProcess {
  readonly port: number
  /** Without credentials. */
  readonly url: string
}

const START_MS_MAX = 30_000
const POLL_MS = 25
// nats-server takes a free port itself, which nobody can take before it.
const ANY_PORT = -1
// SIGTERM writes what is pending to disk and closes the connections.
const STOP: readonly StopStep[] = [
  { signal: 'SIGTERM', graceMs: 5_000 },
  { signal: 'SIGKILL', graceMs: 2_000 },
]

/**
 * Starts a nats-server of our own on the loopback address, with JetStream and one user per service,
 * and waits until it listens. A server that a killed run left behind on this folder is stopped
 * before.
 *
 * @throws local.nats-failed with the server's words.
 */
export async function startNatsServer(options: NatsOptions): Promise<NatsServer> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  await stopLeftNats(options.dir)
  const outcome = await launch(options)
  if ('pid' in outcome) return outcome
  throw failed(outcome.complaint)
}

function failed(complaint: string): AppError {
  const words = complaint.split('\n').slice(-4).join('\n')
  return new AppError('local.nats-failed', 'unavailable', `nats-server did not start: ${words}`)
}

async function launch({
  program,
  dir,
  port = ANY_PORT,
  users,
  adminPublicNkey,
  onLine,
}: NatsOptions): Promise<NatsServer | { complaint: string }> {
  const config = natsConfig({
    host: LOOPBACK,
    port,
    storeDir: join(dir, 'streams'),
    users,
    adminPublicNkey,
    portsFileDir: dir,
  })
  writeFileSync(configFileOf(dir), config, { mode: 0o600 })
  const child = spawn(program, ['-c', configFileOf(dir)], {
    cwd: dir,
    env: {},
    // A process group of its own: the Ctrl-C of the terminal must not reach it before the services.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const tail = readOutput(child, onLine ?? (() => undefined))
  const server = serverProcess(child, STOP)
  writeFileSync(pidFileOf(dir), `${server.pid}\n`, { mode: 0o600 })
  const boundPort = await portOf(dir, server)
  if (boundPort !== undefined) {
    return { ...server, port: boundPort, url: `nats://${LOOPBACK}:${boundPort}` }
  }
  await server.stop()
  return { complaint: tail() || 'it gave no reason.' }
}

/** The port on which the server says, within the bound, that it listens. */
async function portOf(dir: string, server: ServerProcess): Promise<number | undefined> {
  let hasEnded = false
  void server.ended.then(() => {
    hasEnded = true
  })
  const deadline = Date.now() + START_MS_MAX
  while (!hasEnded && Date.now() < deadline) {
    // The server writes `<program>_<pid>.ports` once it takes connections, JetStream included.
    const name = readdirSync(dir).find((file) => file.endsWith(`_${server.pid}.ports`))
    const url = name === undefined ? undefined : clientUrlIn(join(dir, name))
    if (url !== undefined) return Number(new URL(url).port)
    await pause(POLL_MS)
  }
  return undefined
}

function clientUrlIn(portsFile: string): string | undefined {
  try {
    const ports = JSON.parse(readFileSync(portsFile, 'utf8')) as { nats?: unknown }
    const urls: unknown[] = Array.isArray(ports.nats) ? ports.nats : []
    return typeof urls[0] === 'string' ? urls[0] : undefined
  } catch {
    return undefined // Being written.
  }
}

/** Stops the server that a run killed with SIGKILL left on this folder, and removes its traces. */
export async function stopLeftNats(dir: string): Promise<void> {
  const pid = readPid(pidFileOf(dir))
  // The number may belong to another program by now. Only our own server names our configuration.
  if (pid !== undefined && isAlive(pid) && (await commandLineOf(pid)).includes(configFileOf(dir))) {
    await stopProcess(pid, STOP)
  }
  for (const name of readdirSync(dir)) {
    if (name.endsWith('.ports') || name === 'nats.pid') rmSync(join(dir, name), { force: true })
  }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined // Absent: the first start here.
  }
}

function configFileOf(dir: string): string {
  return join(dir, 'nats.conf')
}

function pidFileOf(dir: string): string {
  return join(dir, 'nats.pid')
}
