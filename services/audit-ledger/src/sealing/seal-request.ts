import type { SealedEntry } from '@mumega/contracts/audit'
import type { PreparedIntent } from './intent.ts'

/** An intent on its way into the log. Settled exactly once. */
export interface SealRequest {
  readonly intent: PreparedIntent
  /** The chain's head that the caller has seen, hex. */
  readonly expectedHead?: string
  /** Whether it may have been sealed before, so that looking first is cheaper than failing. */
  readonly mayBeKnown: boolean
  /**
   * On the clock of `performance.now()`, as is the deadline: from that on nobody waits for the
   * outcome.
   */
  readonly submittedMs: number
  readonly deadlineMs?: number
  settle(outcome: SealOutcome): void
}

export type SealOutcome =
  /** It stands in the log, committed; since now or since long ago. */
  | { readonly kind: 'sealed'; readonly entry: SealedEntry }
  /** The same (source, id) was sealed with other content, whose hash is in latin1. */
  | { readonly kind: 'conflict'; readonly sealedHash: string }
  /** The chain's head is not the expected one. */
  | { readonly kind: 'stale-head' }
  /** Its place was taken by somebody else, as often as is allowed to be tried. */
  | { readonly kind: 'collision'; readonly attempts: number }
  /** The ledger seals nothing now. Whether this intent was sealed a moment ago is not known. */
  | { readonly kind: 'not-sealing'; readonly reason: string }
