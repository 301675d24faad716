import type { AppError } from '@mumega/errors'

/** Lets one loop sleep until something happens, without losing what happens while it works. */
export interface Waker {
  wake: () => void
  /** Ends the loop for this reason. The first end counts. */
  end: (reason: AppError) => void
  /** Ends the loop without one: there is nobody left to tell. */
  close: () => void
  isOver(): boolean
  reason(): AppError | undefined
  /** Waits for a wake-up, the end, or the time. A wake-up since the last wait counts at once. */
  wait(timeoutMs: number): Promise<'woken' | 'over' | 'time'>
}

export function openWaker(): Waker {
  let isWoken = false
  let isOver = false
  let why: AppError | undefined
  let onChange: (() => void) | undefined

  function finish(reason?: AppError): void {
    if (isOver) return
    isOver = true
    why = reason
    onChange?.()
  }

  return {
    wake() {
      isWoken = true
      onChange?.()
    },
    end: (reason) => finish(reason),
    close: () => finish(),
    isOver: () => isOver,
    reason: () => why,
    async wait(timeoutMs) {
      if (!isWoken && !isOver) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs)
          onChange = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        onChange = undefined
      }
      if (isOver) return 'over'
      if (!isWoken) return 'time'
      isWoken = false
      return 'woken'
    },
  }
}
