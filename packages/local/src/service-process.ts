import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { AppError } from '@mumega/errors'
import { currentEnvironment } from './config.ts'
import { readOutput } from './output-tail.ts'
import { serviceDir } from './paths.ts'
import { endOfChild, serverProcess, type ServerProcess, type StopStep } from './processes.ts'

export interface ServiceOptions {
  service: string
  /** Everything the service gets to see of the environment, besides PATH. */
  environment: Readonly<Record<string, string>>
  /** Gets each line of its log and of its complaints. */
  onLine?: (line: string) => void
  /** How long it may take to stop before SIGKILL. */
  stopMs?: number
}

export interface ServiceProcess extends ServerProcess {
  /** What the service said when it began to serve; the gateway tells its `url`. */
  readonly ready: Readonly<Record<string, unknown>>
  /** The last that it wrote, for the message about a crash. */
  lastWords(): string
}

const READY_MS_MAX = 30_000
const STOP_MS_DEFAULT = 5_000
const PARENT_WATCH = new URL('parent-watch.js', import.meta.url).href

/**
 * Starts a built service as a process of its own and waits until it says that it serves.
 *
 * @throws local.service-failed with its last words, when it ends before or takes too long.
 */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { service } = options
  const words = [
    ...['--enable-source-maps', '--import', '@mumega/telemetry/register'],
    ...['--import', PARENT_WATCH],
    join('dist', 'main.mjs'),
  ]
  const child = spawn(process.execPath, words, {
    cwd: serviceDir(service),
    env: { PATH: currentEnvironment()['PATH'], ...options.environment },
    // A process group of its own: the Ctrl-C of the terminal must not reach it out of order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const lastWords = readOutput(child, options.onLine ?? (() => undefined))
  const steps: StopStep[] = [
    { signal: 'SIGTERM', graceMs: options.stopMs ?? STOP_MS_DEFAULT },
    { signal: 'SIGKILL', graceMs: 2_000 },
  ]
  const server = serverProcess(child, steps)
  const ready = await Promise.race([
    readyMessage(child),
    endOfChild(child).then(() => undefined),
    timeout(READY_MS_MAX),
  ])
  if (ready !== undefined) return { ...server, ready, lastWords }
  await server.stop()
  throw new AppError(
    'local.service-failed',
    'unavailable',
    `${service} did not start. Its last words:\n${lastWords() || '(none)'}`,
  )
}

function readyMessage(child: ReturnType<typeof spawn>): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    child.on('message', (message: unknown) => {
      if (isReady(message)) resolve(message)
    })
  })
}

function isReady(message: unknown): message is Record<string, unknown> & { ready: true } {
  return (
    typeof message === 'object' && message !== null && 'ready' in message && message.ready === true
  )
}

function timeout(delayMs: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs, undefined).unref()
  })
}
