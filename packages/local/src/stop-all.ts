import { killAllServers } from './processes.ts'
import type { Progress } from './progress.ts'

// What stands on what: whoever comes later is stopped earlier.
const LAYERS = ['folder', 'database', 'bus', 'traces', 'service'] as const

/** Something that was started and must be stopped. */
export interface Stoppable {
  name: string
  layer: (typeof LAYERS)[number]
  /** Its place among its own layer, where that matters. */
  order?: number
  stop: (graceMs?: number) => Promise<void>
}

const STOP_MS_MAX = 9_000
const SERVERS_MS = 2_500
const GRACE_MS_MIN = 200

/**
 * Adds to what runs, in the order of the layers: servers that start side by side end in order too.
 */
export function addRunning(running: Stoppable[], added: Stoppable): void {
  running.push(added)
  running.sort(
    (one, other) =>
      LAYERS.indexOf(one.layer) - LAYERS.indexOf(other.layer) ||
      (one.order ?? 0) - (other.order ?? 0),
  )
}

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
  { layer }: Stoppable,
  { running, deadline }: { running: readonly Stoppable[]; deadline: number },
): number {
  // Services share their time among them; the servers have a time of their own after that.
  const services = running.filter((other) => other.layer === 'service').length
  const leftMs = deadline - Date.now()
  const shareMs = layer === 'service' ? (leftMs - SERVERS_MS) / (services + 1) : leftMs / 2
  return Math.max(GRACE_MS_MIN, shareMs)
}

async function stopOne(next: Stoppable, graceMs: number, progress: Progress): Promise<void> {
  try {
    await next.stop(graceMs)
    if (isSeen(next)) progress.step(`${next.name} stopped`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    progress.step(`${next.name} did not stop properly: ${reason}`)
  }
}

function isSeen({ layer }: Stoppable): boolean {
  return layer !== 'folder' && layer !== 'traces'
}
