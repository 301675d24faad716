import { isAppError } from '@mumega/errors'

/** Keeps a message leased while it is worked on. */
export interface Lease {
  /** Aborted when the message is somebody else's to deal with again. */
  readonly signal: AbortSignal
  end(): void
}

export interface LeaseOptions {
  leaseUntil: string
  /** Asks for more time; when the lease then ends. */
  hold: () => Promise<string>
}

/**
 * Asks for more time at half of what is left, again and again until `end()`. While the gateway is
 * away it goes on asking, until the lease is over.
 */
export function keepLease({ leaseUntil, hold }: LeaseOptions): Lease {
  const lost = new AbortController()
  let endsMs = Date.parse(leaseUntil)
  let timer: NodeJS.Timeout | undefined
  let isOver = false

  function next(): void {
    if (!isOver) timer = setTimeout(() => void renew(), Math.max(50, (endsMs - Date.now()) / 2))
  }

  async function renew(): Promise<void> {
    try {
      endsMs = Date.parse(await hold())
    } catch (error) {
      const isAway = isAppError(error) && (error.kind === 'unavailable' || error.kind === 'limited')
      if (!isAway || endsMs <= Date.now()) {
        isOver = true
        lost.abort(error)
      }
    }
    next()
  }

  next()
  return {
    signal: lost.signal,
    end() {
      isOver = true
      clearTimeout(timer)
    },
  }
}
