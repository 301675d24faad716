/** Those who wait until the log is signed up to some size. */
export interface Waiters {
  /** Resolves when `reached()` tells of this size, and at the latest after `waitMs`. */
  wait(size: number, waitMs: number): Promise<void>
  reached(size: number): void
}

export function openWaiters(): Waiters {
  const waiting = new Set<{ size: number; resolve: () => void }>()

  return {
    async wait(size, waitMs) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        const waiter = { size, resolve }
        waiting.add(waiter)
        timer = setTimeout(() => {
          waiting.delete(waiter)
          resolve()
        }, waitMs)
      })
      clearTimeout(timer)
    },
    reached(size) {
      for (const waiter of waiting) {
        if (waiter.size > size) continue
        waiting.delete(waiter)
        waiter.resolve()
      }
    },
  }
}
