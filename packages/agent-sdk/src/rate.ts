import type { Time } from './time.ts'

/**
 * What is left of the requests that the gateway takes of this token in a minute, as its answers
 * say. As many are kept back as messages are held, so that each can be held for longer, or be
 * acknowledged, while it is worked on.
 */
export interface Rate {
  /** How many messages are held now; whoever holds them counts them here. */
  held: number
  /** How many more may be received. */
  room(): number
  /** Counts a request. It waits while it would take from those that go first, unless it does. */
  take(request: { goesFirst?: boolean; signal?: AbortSignal | undefined }): Promise<void>
  /** Resolves when the next minute begins. @throws when the signal is aborted */
  untilNext(signal?: AbortSignal): Promise<void>
  /** Learns from an answer to what was asked at `askedMs`. */
  note(headers: Headers, askedMs: number): void
}

const MINUTE_MS = 60_000
// Of the requests, at most; the rest receives, replies and tells.
const HELD_SHARE_MAX = 2 / 3
// By how much two answers may differ on when the minute ends, which they tell in whole seconds.
const SAME_END_MS = 2_000

export function openRate(time: Time): Rate {
  let limit = Infinity
  let left = Infinity
  let endsMs = -Infinity

  /** Until an answer says better, a minute begins when the one before is over. */
  function turn(): void {
    if (time.nowMs() < endsMs) return
    left = limit
    endsMs = time.nowMs() + MINUTE_MS
  }
  const heldMax = () => Math.max(1, Math.floor(limit * HELD_SHARE_MAX))

  const rate: Rate = {
    held: 0,
    room() {
      turn()
      // One of what is left is the request that receives.
      return Math.min(left - 1, heldMax()) - rate.held
    },
    async take({ goesFirst = false, signal }) {
      turn()
      while (!goesFirst && left - Math.min(rate.held, heldMax()) < 1) {
        await rate.untilNext(signal)
      }
      left -= 1
    },
    async untilNext(signal) {
      await time.pause(Math.max(0, endsMs - time.nowMs()), signal)
      turn()
    },
    note(headers, askedMs) {
      const said = (name: string) => Number(headers.get(`ratelimit-${name}`) ?? NaN)
      const [max, remaining, resetMs] = [said('limit'), said('remaining'), said('reset') * 1_000]
      const saidEndMs = askedMs + resetMs
      const isUsable = max >= 2 && remaining >= 0 && resetMs <= MINUTE_MS
      // An answer that took long may speak of a minute that is over.
      if (!isUsable || saidEndMs <= time.nowMs()) return
      limit = max
      const isSame = Math.abs(saidEndMs - endsMs) <= SAME_END_MS
      left = isSame ? Math.min(left, remaining) : remaining
      endsMs = saidEndMs
    },
  }
  return rate
}
