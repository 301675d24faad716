import { setTimeout as pause } from 'node:timers/promises'
import type { ProcessEnd, ServerProcess } from './processes.ts'

export interface KeepRunningOptions<Server extends ServerProcess> {
  /** For people. */
  name: string
  /** Starts it, and again after each crash; must give the same addresses every time. */
  start: () => Promise<Server>
  log: (line: string) => void
  /** What to show of a crash, besides how it ended. */
  lastWords?: (server: Server) => string
  /** Real milliseconds; the defaults are for people, tests take shorter ones. */
  backoff?: Backoff
}

export interface Backoff {
  firstMs: number
  maxMs: number
  /** Having run this long, the next crash counts as the first again. */
  healthyMs: number
}

export interface Kept<Server> {
  /** The one that runs now, or ran last. */
  current(): Server
  /** Crashes since the start. */
  restarts(): number
  /** Stops it for good. Safe to call while it is being restarted, and twice. */
  readonly stop: (graceMs?: number) => Promise<void>
}

const BACKOFF: Backoff = { firstMs: 250, maxMs: 10_000, healthyMs: 30_000 }

/**
 * Starts a server and starts it again whenever it ends by itself, each time after a longer wait up
 * to a bound. It never gives up and says every time what happened. The first start is different:
 * its failure is the caller's.
 */
export async function keepRunning<Server extends ServerProcess>(
  options: KeepRunningOptions<Server>,
): Promise<Kept<Server>> {
  const { start, backoff = BACKOFF } = options
  const stopping = new AbortController()
  let server = await start()
  let restarts = 0

  const watch = async () => {
    let waitMs = backoff.firstMs
    for (;;) {
      const startedAt = Date.now()
      const end = await server.ended
      if (stopping.signal.aborted) return
      if (Date.now() - startedAt >= backoff.healthyMs) waitMs = backoff.firstMs
      tellCrash(options, server, { end, waitMs })
      const next = await restart(options, {
        waitMs,
        maxMs: backoff.maxMs,
        stopping: stopping.signal,
      })
      if (next === undefined) return
      server = next.server
      waitMs = next.waitMs
      restarts += 1
    }
  }
  const watched = watch()

  return {
    current: () => server,
    restarts: () => restarts,
    async stop(graceMs) {
      stopping.abort()
      await server.stop(graceMs)
      await watched
    },
  }
}

interface RestartState {
  waitMs: number
  maxMs: number
  stopping: AbortSignal
}

/** Tries until the server runs again; undefined when everything is being stopped meanwhile. */
async function restart<Server extends ServerProcess>(
  { name, start, log }: KeepRunningOptions<Server>,
  { waitMs, maxMs, stopping }: RestartState,
): Promise<{ server: Server; waitMs: number } | undefined> {
  let delayMs = waitMs
  for (;;) {
    await pause(delayMs, undefined, { signal: stopping }).catch(() => undefined)
    if (stopping.aborted) return undefined
    delayMs = Math.min(delayMs * 2, maxMs)
    try {
      const server = await start()
      if (!stopping.aborted) {
        log(`${name} runs again (process ${server.pid}).`)
        return { server, waitMs: delayMs }
      }
      await server.stop()
      return undefined
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log(`${name} could not be restarted; next attempt in ${delayMs} ms. ${reason}`)
    }
  }
}

function tellCrash<Server extends ServerProcess>(
  { name, log, lastWords }: KeepRunningOptions<Server>,
  server: Server,
  { end, waitMs }: { end: ProcessEnd; waitMs: number },
): void {
  const how = end.signal === undefined ? `with code ${end.code ?? '?'}` : `by ${end.signal}`
  log(`${name} (process ${server.pid}) ended ${how}; restarting in ${waitMs} ms.`)
  const words = lastWords?.(server) ?? ''
  for (const line of words.split('\n').slice(-8)) if (line !== '') log(`  ${line.slice(0, 400)}`)
}
