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

/** Time that runs `scale` times as fast from `originMs` on. A scale of 1 is real time. */
export function scaledClock({ scale, originMs }: ScaledClockOptions): Clock {
  if (scale === 1) return systemClock
  return {
    now: () => new Date(originMs + (Date.now() - originMs) * scale),
    realMs: (spanMs) => Math.max(1, spanMs / scale),
  }
}
