/** How far the quorum is behind the log, and since when. */
export interface QuorumWatch {
  /** This checkpoint is offered now. */
  onTarget(size: number): void
  /** The quorum has cosigned this one. */
  onQuorum(size: number): void
  /** Milliseconds for which an offered checkpoint has waited for the quorum; 0 when none does. */
  waitedMs(): number
}

/** By a clock of its own that never goes back. */
export function openQuorumWatch(nowMs: () => number = () => performance.now()): QuorumWatch {
  let target = { size: 0, sinceMs: 0 }
  let quorumSize = 0
  // When the oldest checkpoint was offered that the quorum has not covered since.
  let waitingSinceMs: number | undefined

  return {
    onTarget(size) {
      target = { size, sinceMs: nowMs() }
      if (size > quorumSize) waitingSinceMs ??= target.sinceMs
    },
    onQuorum(size) {
      if (size <= quorumSize) return
      quorumSize = size
      waitingSinceMs = target.size > size ? target.sinceMs : undefined
    },
    waitedMs: () => (waitingSinceMs === undefined ? 0 : nowMs() - waitingSinceMs),
  }
}
