import { BUSY_PER_SECOND } from '../growth.ts'

/** How the log grew while the projector worked. */
export interface Load {
  /** Milliseconds that the last slice took. */
  readonly workMs: number
  /** Entries that are committed and not projected. */
  readonly behind: number
  readonly grownPerSecond: number
}

/** Entries that one statement projects, or compares, at most. */
export const SLICE = 512

// A slice for every commit would cost a busy ledger more than it gives a reader.
const GATHER_MS = 100
// The faster the log grows, the longer each rest: from 5,000 a second on the projection has a
// twentieth of one connection's time, at 1,000 a fifth.
const BUSY_REST_FACTOR = 19
const REST_MS_MAX = 2_000

/** How long the projector rests before its next slice, so that it never slows sealing. Pure. */
export function restMs({ workMs, behind, grownPerSecond }: Load): number {
  if (grownPerSecond <= 0) return behind < SLICE ? GATHER_MS : 0
  const factor = BUSY_REST_FACTOR * Math.min(1, grownPerSecond / BUSY_PER_SECOND)
  const rest = Math.min(REST_MS_MAX, factor * workMs)
  return behind < SLICE || factor === BUSY_REST_FACTOR ? Math.max(GATHER_MS, rest) : rest
}

/** Whether there is time to compare a slice of the index with the log. Pure. */
export function hasTimeToCheck({ behind, grownPerSecond }: Load): boolean {
  return behind === 0 && grownPerSecond <= BUSY_PER_SECOND
}
