import { AppError } from '@mumega/errors'

/** Where all time comes from, so that seven days can pass in minutes across processes. */
export interface Clock {
  /** Now, in the system's time. */
  now(): Date
  /** Converts a span of the system's time to the milliseconds that really pass. */
  realMs(spanMs: number): number
}

// One fixed point for every process, so that their scaled clocks agree: the start of the
// supervisor's run.
export interface ScaledClockOptions {
  /** How many times faster than real time. */
  scale: number
  /** The real time, in milliseconds of the epoch, at which system time and real time were equal. */
  originMs: number
}

/** Real time. */
export const systemClock: Clock = {
  now: () => new Date(),
  realMs: (spanMs) => spanMs,
}

/** The last millisecond that a timestamp can say: it has four digits for its year. */
export const TIME_MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/**
 * Time that runs `scale` times as fast from `originMs` on. A scale of 1 is real time.
 *
 * @throws config.invalid when it is a time now that no timestamp can say
 */
export function scaledClock({ scale, originMs }: ScaledClockOptions): Clock {
  if (scale === 1) return systemClock
  const nowMs = () => originMs + (Date.now() - originMs) * scale
  if (!(nowMs() >= 0 && nowMs() <= TIME_MS_MAX)) {
    const message =
      'Wrong settings: MUMEGA_TIME_SCALE and MUMEGA_TIME_ORIGIN_MS together must give a time from ' +
      '1970 to 9999; they do not.'
    throw new AppError('config.invalid', 'invalid', message)
  }
  return {
    now: () => new Date(nowMs()),
    realMs: (spanMs) => Math.max(1, spanMs / scale),
  }
}

/** The system's time, as its settings scale it. @throws config.invalid */
export function clockOf(settings: {
  readonly MUMEGA_TIME_SCALE: number
  readonly MUMEGA_TIME_ORIGIN_MS: number
}): Clock {
  const { MUMEGA_TIME_SCALE: scale, MUMEGA_TIME_ORIGIN_MS: originMs } = settings
  return scaledClock({ scale, originMs })
}
