/** Counts what runs, so that somebody can wait for the last of it. */
export interface InFlight {
  count(): number
  begin(): void
  end(): void
  /** Resolves when nothing runs, and at the latest after `boundMs`. Says how many still run. */
  settled(boundMs: number): Promise<number>
}

export function openInFlight(): InFlight {
  let running = 0
  const waiting = new Set<() => void>()

  function onDone(): void {
    running -= 1
    if (running > 0) return
    for (const resume of waiting) resume()
    waiting.clear()
  }

  return {
    count: () => running,
    begin() {
      running += 1
    },
    end: onDone,
    async settled(boundMs) {
      if (running === 0) return 0
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        waiting.add(resolve)
        timer = setTimeout(resolve, boundMs)
      })
      clearTimeout(timer)
      return running
    },
  }
}
