import { setTimeout as pause } from 'node:timers/promises'
import { logger } from '@mumega/telemetry'

export interface Lane<T> {
  /** Resolves when it has been handled. Rejects only when the lane stops before. */
  push(entry: T): Promise<void>
  /** Goes on for `ms` with what waits, then rejects it. */
  stop(ms: number): Promise<void>
}

export interface LaneOptions<T> {
  readonly batchMax: number
  /** A batch weighs no more, unless its first entry alone does. */
  readonly weightMax?: number
  /** 1 without it. */
  readonly weightOf?: (entry: T) => number
  /** Must be safe to do again. */
  readonly handle: (batch: readonly T[]) => Promise<void>
}

const BACK_OFF_MS = { first: 250, longest: 10_000 }

interface Waiting<T> {
  readonly entry: T
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Handles entries strictly in the order of `push`, in batches of what has come meanwhile. A batch
 * that fails is tried again until it succeeds, and holds up what is behind it: order is the point.
 * How many wait is bounded by whoever pushes.
 */
export function openLane<T>(options: LaneOptions<T>): Lane<T> {
  const { batchMax, weightMax = Infinity, weightOf = () => 1, handle } = options
  const log = logger('bridge')
  const waiting: Waiting<T>[] = []
  const stopping = new AbortController()
  const { signal } = stopping
  let running: Promise<void> | undefined

  function nextBatch(): Waiting<T>[] {
    let weight = 0
    const end = waiting.slice(0, batchMax).findIndex(({ entry }, nth) => {
      weight += weightOf(entry)
      return nth > 0 && weight > weightMax
    })
    return waiting.slice(0, end === -1 ? batchMax : end)
  }

  async function run(): Promise<void> {
    let failures = 0
    while (waiting.length > 0) {
      const batch = nextBatch()
      try {
        await handle(batch.map(({ entry }) => entry))
        waiting.splice(0, batch.length)
        for (const { resolve } of batch) resolve()
        failures = 0
      } catch (error) {
        failures += 1
        log.warn({ error, failures, waiting: waiting.length }, 'kafka-forward-failed')
        await pause(backOffMs(failures), undefined, { signal }).catch(() => undefined)
      }
    }
    running = undefined
  }

  return {
    push(entry) {
      if (signal.aborted) return Promise.reject(laneStopped())
      const handled = new Promise<void>((resolve, reject) => {
        waiting.push({ entry, resolve, reject })
      })
      running ??= run()
      return handled
    },
    async stop(ms) {
      const patience = new AbortController()
      const waited = pause(ms, undefined, { signal: patience.signal }).catch(() => undefined)
      await Promise.race([running, waited])
      patience.abort()
      stopping.abort()
      for (const { reject } of waiting.splice(0)) reject(laneStopped())
    },
  }
}

function backOffMs(failures: number): number {
  return Math.min(BACK_OFF_MS.first * 2 ** (failures - 1), BACK_OFF_MS.longest)
}

function laneStopped(): Error {
  return new Error('the lane has stopped')
}
