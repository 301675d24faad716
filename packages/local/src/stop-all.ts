import { killAllServers } from './processes.ts'
import type { Progress } from './progress.ts'

/** Something that was started and must be stopped. */
export interface Stoppable {
  name: string
  /**
   * Services share the time among them; PostgreSQL and NATS have a time of their own after that. The
   * rest ends in no time.
   */
  kind: 'service' | 'server' | 'other'
  stop: (graceMs?: number) => Promise<void>
}

const STOP_MS_MAX = 9_000
const SERVERS_MS = 2_500
const GRACE_MS_MIN = 200

/**
 * Stops everything in the reverse order of starting, so that whoever sends is gone before whoever
 * stores; empties the list. Within 10 s: each has its share of what is left, then SIGKILL.
 */
export async function stopAll(running: Stoppable[], progress: Progress): Promise<void> {
  const deadline = Date.now() + STOP_MS_MAX
  const lastResort = setTimeout(killAllServers, STOP_MS_MAX)
  for (let next = running.pop(); next !== undefined; next = running.pop()) {
    await stopOne(next, graceOf(next, { running, deadline }), progress)
  }
  clearTimeout(lastResort)
}

function graceOf(
  { kind }: Stoppable,
  { running, deadline }: { running: readonly Stoppable[]; deadline: number },
): number {
  const alike = 1 + running.filter((other) => other.kind === kind).length
  const reservedMs = kind === 'service' ? SERVERS_MS : 0
  return Math.max(GRACE_MS_MIN, (deadline - reservedMs - Date.now()) / alike)
}

async function stopOne(next: Stoppable, graceMs: number, progress: Progress): Promise<void> {
  try {
    await next.stop(graceMs)
    if (next.kind !== 'other') progress.step(`${next.name} stopped`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    progress.step(`${next.name} did not stop properly: ${reason}`)
  }
}
