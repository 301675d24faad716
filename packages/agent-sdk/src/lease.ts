import { isAppError } from '@mumega/errors'
import type { Time } from './time.ts'

/** Keeps a message leased while it is worked on. */
export interface Lease {
  /** Aborted when the message is somebody else's to deal with again. */
  readonly signal: AbortSignal
  end(): void
}

export interface LeaseOptions {
  time: Time
  /** For how long the message was leased. */
  grantedMs: number
  /** Asks for more time, for at most so long; how much there then is. */
  hold: (withinMs: number) => Promise<number>
}

const RENEWAL_MS_MIN = 1_000

/**
 * Asks for more time when less than half of it is left, again and again until `end()`. How long a
 * lease lasts is known from what was asked for; when it ends by the gateway's clock says nothing
 * here, where the clock is another. So it is the gateway that says that a lease is lost, and while
 * it is away the lease is lost when its time has passed.
 */
export function keepLease({ time, grantedMs, hold }: LeaseOptions): Lease {
  const lost = new AbortController()
  const ended = new AbortController()
  let endsMs = time.nowMs() + grantedMs

  async function renew(): Promise<void> {
    for (;;) {
      // Those that began together do not ask together.
      const halfMs = ((endsMs - time.nowMs()) / 2) * (0.8 + 0.2 * Math.random())
      await time.pause(Math.max(halfMs, RENEWAL_MS_MIN), ended.signal)
      const askedMs = time.nowMs()
      try {
        const withinMs = Math.ceil(Math.max((endsMs - askedMs) / 2, RENEWAL_MS_MIN))
        endsMs = askedMs + (await hold(withinMs))
      } catch (error) {
        const isAway =
          isAppError(error) && (error.kind === 'unavailable' || error.kind === 'limited')
        if (isAway && time.nowMs() < endsMs) continue
        if (!ended.signal.aborted) lost.abort(error)
        return
      }
    }
  }

  // It fails only by its end.
  renew().catch(() => undefined)
  return { signal: lost.signal, end: () => ended.abort() }
}
