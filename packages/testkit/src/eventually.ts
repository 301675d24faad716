import { setTimeout as pause } from 'node:timers/promises'

export interface EventuallyOptions {
  timeoutMs?: number
  /** Completes "waited for …" in the failure. */
  what: string
}

const POLL_MS = 25

/**
 * The first value of `probe` that is neither undefined nor false. For what real processes do in
 * their own time; the wait is bounded, and a probe that throws counts as "not yet".
 */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false>,
  { timeoutMs = 40_000, what }: EventuallyOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  let problem: unknown
  for (;;) {
    try {
      const value = await probe()
      if (value !== undefined && value !== false) return value
      problem = undefined
    } catch (error) {
      problem = error
    }
    if (Date.now() > deadline) break
    await pause(POLL_MS)
  }
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: problem })
}
