import { bytesOf } from './intent.ts'
import type { SealRequest } from './seal-request.ts'

/** What waits for its turn to be sealed, in order. */
export interface SealQueue {
  push(request: SealRequest): void
  /** Takes the next group, as much as one commit may hold; empty when nothing waits. */
  takeGroup(): SealRequest[]
  /** Resolves at the next `push()` or `wake()`. */
  untilWoken(): Promise<void>
  /** Whether as much waits as one commit may hold. */
  isFull(): boolean
  /** Resolves when as much waits as one commit may hold, or never; the last caller is told. */
  untilFull(): Promise<void>
  wake(): void
  count(): number
  /** Milliseconds that the oldest has waited; 0 when nothing waits. */
  lagMs(): number
}

/** Entries of one commit at most; the database checks it, too. */
export const GROUP_ENTRIES_MAX = 2_048
const GROUP_BYTES_MAX = 4 * 1_048_576
const NOBODY = (): void => undefined

export function openSealQueue(): SealQueue {
  let waiting: SealRequest[] = []
  let waitingBytes = 0
  let resume = NOBODY
  let resumeFull = NOBODY

  function isFull(): boolean {
    return waiting.length >= GROUP_ENTRIES_MAX || waitingBytes >= GROUP_BYTES_MAX
  }

  function wake(): void {
    resume()
    resume = NOBODY
  }

  return {
    push(request) {
      waiting.push(request)
      waitingBytes += bytesOf(request.intent)
      wake()
      if (!isFull()) return
      resumeFull()
      resumeFull = NOBODY
    },
    takeGroup() {
      let bytes = 0
      let count = 0
      for (const { intent } of waiting) {
        bytes += bytesOf(intent)
        if (count === GROUP_ENTRIES_MAX || (count > 0 && bytes > GROUP_BYTES_MAX)) break
        count += 1
      }
      const taken = waiting.slice(0, count)
      waiting = waiting.slice(count)
      for (const { intent } of taken) waitingBytes -= bytesOf(intent)
      return taken
    },
    untilWoken: () =>
      new Promise((resolve) => {
        resume = resolve
      }),
    isFull,
    untilFull: () =>
      new Promise((resolve) => {
        resumeFull = resolve
        if (isFull()) resolve()
      }),
    wake,
    count: () => waiting.length,
    lagMs: () => (waiting[0] === undefined ? 0 : performance.now() - waiting[0].submittedMs),
  }
}
