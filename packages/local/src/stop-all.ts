import { killAllServers } from './processes.ts'
import type { Progress } from './progress.ts'

/** Something that was started and must be stopped. */
export interface Stoppable {
  name: string
  /** PostgreSQL and NATS, for which time is kept until the services that use them are gone. */
  isServer?: boolean
  stop(graceMs?: number): Promise<void>
}

const STOP_MS_MAX = 9_000
const SERVERS_MS = 2_500
const GRACE_MS_MIN = 200

/**
 * Stops everything in the reverse order of starting, so that whoever sends is gone before whoever
 * stores; empties the list. Within 10 s: each waits its share of what is left, then SIGKILL.
 */
export async function stopAll(running: Stoppable[], progress: Progress): Promise<void> {
  const deadline = Date.now() + STOP_MS_MAX
  const lastResort = setTimeout(killAllServers, STOP_MS_MAX)
  for (let next = running.pop(); next !== undefined; next = running.pop()) {
    const startedAt = Date.now()
    const reserveMs = next.isServer === true ? 0 : SERVERS_MS
    const leftMs = deadline - reserveMs - startedAt
    await next
      .stop(Math.max(GRACE_MS_MIN, leftMs / (running.length + 1)))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error)
        progress.step(`${next.name} did not stop properly: ${reason}`)
      })
    if (next.name !== 'data folder') progress.step(`${next.name} stopped`)
  }
  clearTimeout(lastResort)
}
