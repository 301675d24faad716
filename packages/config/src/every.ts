import { setTimeout as pause } from 'node:timers/promises'

/** Work that is done again and again. */
export interface Repeating {
  /** Begins it no more, from the call on. Resolves when what is under way has ended. */
  stop(): Promise<void>
}

/**
 * Does the work now, or `delayMs` from now, and again `ms` after each time that it has ended. It
 * must not throw; the signal tells it that it is the last time.
 */
export function every(
  ms: number,
  work: (signal: AbortSignal) => Promise<void>,
  { delayMs = 0 }: { delayMs?: number } = {},
): Repeating {
  const stopping = new AbortController()
  const { signal } = stopping
  // Woken up to stop.
  const rest = (restMs: number) => pause(restMs, undefined, { signal }).catch(() => undefined)

  async function run(): Promise<void> {
    if (delayMs > 0) await rest(delayMs)
    while (!signal.aborted) {
      await work(signal)
      await rest(ms)
    }
  }

  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
