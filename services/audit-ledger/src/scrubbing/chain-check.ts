import type { LeafEntry } from '@mumega/tlog/entry'
import { EMPTY_CHAIN, type ChainHead } from '../sealing/entry-batch.ts'
import type { PassFindings } from './finding.ts'

/** An entry at its place in the log. */
export interface PlacedEntry {
  readonly index: number
  /** Undefined where the bytes are no entry. */
  readonly entry: LeafEntry | undefined
  /** Hex SHA-256 of its bytes. */
  readonly hash: string
  /** Whether its leaf hash says that it is another one. */
  readonly isInDoubt: boolean
}

/** Where a chain stands in the pass. */
export interface CheckedHead extends ChainHead {
  /** Whether the entry behind it is in doubt: then its hash binds nobody. */
  readonly isInDoubt: boolean
}

/** Whether each entry continues its chain. */
export interface ChainCheck {
  /** Whether the entry of the chain before this one has to be looked up. */
  needs(chain: string): boolean
  /** What was found of a chain that `needs` asked for. */
  learn(chain: string, head: CheckedHead): void
  /** False where the entry is not the next of its chain, or nobody knows. */
  follow(entry: PlacedEntry): boolean
  /** So many entries cannot be read: a chain may go on behind them. */
  skip(entries: number): void
  /** Forgets the chains that have rested longest, where there are too many; between two steps. */
  trim(): void
  /** The head as this pass has seen it; undefined where it has not, or has forgotten it. */
  headOf(chain: string): CheckedHead | undefined
}

/** Heads in memory; the others are looked up when their chain comes again. */
const CHAINS_MAX = 10_000

export function openChainCheck(
  findings: PassFindings,
  { isResumed, chainsMax = CHAINS_MAX }: { isResumed: boolean; chainsMax?: number | undefined },
): ChainCheck {
  const heads = new Map<string, CheckedHead>()
  // A pass that begins behind entries has forgotten all of their chains.
  let hasForgotten = isResumed
  // Entries that belong to some chain, nobody knows to which.
  let unplaced = 0

  function keep(chain: string, head: CheckedHead): void {
    // Deleted first, so that the chains that rest stand in front.
    heads.delete(chain)
    heads.set(chain, head)
  }

  return {
    needs: (chain) => hasForgotten && !heads.has(chain),
    learn: keep,
    follow({ index, entry, hash, isInDoubt }) {
      if (entry === undefined) {
        unplaced += 1
        return false
      }
      const before = heads.get(entry.chain) ?? { ...EMPTY_CHAIN, isInDoubt: false }
      const gap = entry.seq - before.seq - 1
      const isNext = gap === 0 && (entry.prev === before.head || before.isInDoubt)
      if (isInDoubt && !isNext) {
        unplaced += 1
        return false
      }
      const isBehindGap = gap > 0 && gap <= unplaced
      if (isBehindGap) unplaced -= gap
      else if (!isNext) {
        findings.report({
          kind: 'chain-broken',
          place: `entry ${index}`,
          expected: `${entry.chain}, seq ${before.seq + 1}, prev ${before.head}`,
          found: `${entry.chain}, seq ${entry.seq}, prev ${entry.prev}`,
        })
      }
      keep(entry.chain, { seq: entry.seq, head: hash, isInDoubt })
      return isNext || isBehindGap
    },
    skip(entries) {
      unplaced += entries
    },
    trim() {
      for (const oldest of heads.keys()) {
        if (heads.size <= chainsMax) break
        heads.delete(oldest)
        hasForgotten = true
      }
    },
    headOf: (chain) => heads.get(chain),
  }
}
