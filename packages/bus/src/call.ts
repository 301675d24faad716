import { TIMEOUT_MS_MAX } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Call } from './bus.ts'

export interface OpenCall extends Call {
  isPast(): boolean
  close(): void
}

/**
 * A call until `deadlineMs` of the epoch, bounded by the longest timeout there is. Its signal and
 * timer are made only when a handler asks for them: most never do, and a timer per request costs as
 * much as the rest of it.
 */
export function openCall(options: { context: CallContext; deadlineMs: number }): OpenCall {
  const deadlineMs = Math.min(options.deadlineMs, Date.now() + TIMEOUT_MS_MAX)
  let aborter: AbortController | undefined
  let timer: NodeJS.Timeout | undefined

  function openSignal(): AbortSignal {
    if (aborter !== undefined) return aborter.signal
    const opened = new AbortController()
    aborter = opened
    const abort = (): void => {
      opened.abort(new DOMException('The deadline of the call has passed.', 'TimeoutError'))
    }
    const remainingMs = deadlineMs - Date.now()
    if (remainingMs <= 0) abort()
    else timer = setTimeout(abort, remainingMs)
    return opened.signal
  }

  return {
    context: options.context,
    get deadline() {
      return new Date(deadlineMs)
    },
    get signal() {
      return openSignal()
    },
    isPast: () => Date.now() >= deadlineMs,
    close() {
      clearTimeout(timer)
    },
  }
}
