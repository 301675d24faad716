import type { Time } from '../src/time.ts'

/** Time that passes when a test says so. */
export function givenTime() {
  let nowMs = 0
  const waiting = new Set<{ dueMs: number; end: () => void }>()
  const time: Time = {
    nowMs: () => nowMs,
    pause: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        const one = { dueMs: nowMs + ms, end: resolve }
        waiting.add(one)
        const abort = () => {
          waiting.delete(one)
          reject(signal?.reason as Error)
        }
        signal?.addEventListener('abort', abort, { once: true })
      }),
  }
  return {
    time,
    /** How long each pause still lasts, the shortest first. */
    pauses: () => [...waiting].map(({ dueMs }) => dueMs - nowMs).sort((a, b) => a - b),
    /** Resolves when what waits for nothing else has been done, too. */
    async pass(ms: number): Promise<void> {
      nowMs += ms
      for (const one of [...waiting].filter(({ dueMs }) => dueMs <= nowMs)) {
        waiting.delete(one)
        one.end()
      }
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
