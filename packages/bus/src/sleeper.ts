export interface Sleeper {
  /** Resolves after `ms`, or at once when woken for a reason that `until` heeds. */
  sleep(ms: number, until: 'until-written' | 'until-reconnected'): Promise<void>
  wake(reason: 'written' | 'reconnected' | 'stopped'): void
}

/**
 * A wait that events cut short. What was written while nobody slept is remembered, so that no wake
 * is lost. A back-off is not cut short by new rows, or a busy service would hammer a bus that is
 * away.
 */
export function openSleeper(): Sleeper {
  let isWritten = false
  let isStopped = false
  let current: { until: string; resolve: () => void } | undefined

  return {
    async sleep(ms, until) {
      const isDue = isStopped || (until === 'until-written' && isWritten)
      isWritten = false
      if (isDue) return
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        current = { until, resolve }
        timer = setTimeout(resolve, ms)
      })
      clearTimeout(timer)
      current = undefined
    },
    wake(reason) {
      if (reason === 'stopped') isStopped = true
      if (reason === 'written') isWritten = true
      if (reason === 'written' && current?.until !== 'until-written') return
      current?.resolve()
    },
  }
}
