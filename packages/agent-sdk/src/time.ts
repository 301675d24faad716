import { setTimeout as pause } from 'node:timers/promises'

/**
 * How real time passes. There is no time of day in it: the machine's clock may be wrong, and the
 * system's may run faster.
 */
export interface Time {
  /** Since whenever; it never jumps. */
  nowMs(): number
  /** @throws when the signal is aborted */
  pause(ms: number, signal?: AbortSignal): Promise<void>
}

export const realTime: Time = {
  nowMs: () => performance.now(),
  pause: (ms, signal) => pause(ms, undefined, signal === undefined ? {} : { signal }),
}
