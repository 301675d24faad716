import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '@mumega/errors'
import { readOutput } from './output-tail.ts'
import { freePort, greetingOf, LOOPBACK } from './ports.ts'
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
const GREETING_MS_MAX = 1_000
const POLL_MS = 25
const PORT_ATTEMPTS_MAX = 5
// SIGTERM writes what is pending to disk and closes the connections.
const STOP: readonly StopStep[] = [
  { signal: 'SIGTERM', graceMs: 5_000 },
  { signal: 'SIGKILL', graceMs: 2_000 },
]

/**
 * Starts a nats-server of our own on the loopback address, with JetStream and one user per service,
 * and waits until it greets. A server that a killed run left behind on this folder is stopped before.
 *
 * @throws local.nats-failed with the server's words.
 */
export async function startNatsServer(options: NatsOptions): Promise<NatsServer> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  await stopOrphan(options.dir)
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort())
    const outcome = await launch({ ...options, port })
    if ('pid' in outcome) return outcome
    // Another process may take the free port first; a port that was asked for stays.
    const mayPass = options.port === undefined && /address already in use/.test(outcome.complaint)
    if (!mayPass || attempt === PORT_ATTEMPTS_MAX) throw failed(outcome.complaint)
  }
}

function failed(complaint: string): AppError {
  const words = complaint.split('\n').slice(-4).join('\n')
  return new AppError('local.nats-failed', 'unavailable', `nats-server did not start: ${words}`)
}

async function launch(
  options: NatsOptions & { port: number },
): Promise<NatsServer | { complaint: string }> {
  const { program, dir, port } = options
  const configFile = configFileOf(dir)
  writeFileSync(configFile, configOf(options), { mode: 0o600 })
  const child = spawn(program, ['-c', configFile], {
    cwd: dir,
    // A process group of its own: the Ctrl-C of the terminal must not reach it before the services.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.once('error', () => undefined)
  const tail = readOutput(child, options.onLine ?? (() => undefined))
  const server = serverProcess(child, STOP)
  writeFileSync(pidFileOf(dir), `${server.pid}\n`, { mode: 0o600 })
  if (await greets(port, server)) return { ...server, port, url: `nats://${LOOPBACK}:${port}` }
  await server.stop()
  return { complaint: tail() || 'it gave no reason.' }
}

async function greets(port: number, server: ServerProcess): Promise<boolean> {
  let hasEnded = false
  void server.ended.then(() => {
    hasEnded = true
  })
  const deadline = Date.now() + START_MS_MAX
  while (!hasEnded && Date.now() < deadline) {
    const greeting = await greetingOf(port, GREETING_MS_MAX)
    // The name tells our own server from a stranger that got this port first.
    if (greeting?.includes(`"server_name":"${serverNameOf(port)}"`) === true) return true
    await pause(POLL_MS)
  }
  return false
}

function serverNameOf(port: number): string {
  return `mumega-${process.pid}-${port}`
}

function configOf({ dir, port, users, adminPublicNkey }: NatsOptions & { port: number }): string {
  const all = [adminPublicNkey, ...Object.values(users)]
  return `server_name: "${serverNameOf(port)}"
host: "${LOOPBACK}"
port: ${port}
jetstream { store_dir: ${JSON.stringify(join(dir, 'streams'))} }
authorization { users: [ ${all.map((nkey) => `{ nkey: ${nkey} }`).join(', ')} ] }
`
}

/** Stops the server that a run killed with SIGKILL left on this folder. */
async function stopOrphan(dir: string): Promise<void> {
  const pid = readPid(pidFileOf(dir))
  // The number may belong to another program by now. Only our own server names our configuration.
  if (pid !== undefined && isAlive(pid) && (await commandLineOf(pid)).includes(configFileOf(dir))) {
    await stopProcess(pid, STOP)
  }
  rmSync(pidFileOf(dir), { force: true })
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
