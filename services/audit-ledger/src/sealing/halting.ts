import { logger } from '@mumega/telemetry'
import { LeadershipLost } from '../leading/leadership-lost.ts'

/** Says why sealing ended. */
export interface Halting {
  /** Resolves when it was found that another ledger leads. */
  readonly overtaken: Promise<void>
  announce(cause: Error): void
}

export function openHalting(epoch: number): Halting {
  const log = logger('audit-ledger')
  let overtake: () => void = () => undefined
  const overtaken = new Promise<void>((resolve) => (overtake = resolve))
  return {
    overtaken,
    announce(cause) {
      const reason = cause.message
      if (cause instanceof LeadershipLost) {
        log.warn({ reason, epoch }, 'sealing-ended')
        overtake()
      } else {
        log.fatal({ reason }, 'sealing-halted')
      }
    },
  }
}
