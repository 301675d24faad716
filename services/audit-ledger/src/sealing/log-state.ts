import type { Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import { LeadershipLost } from '../leading/leadership-lost.ts'
import type { ChainHead, EntryBatch, LogTip } from './entry-batch.ts'
import { FinalFailure } from './final-failure.ts'
import { readChains, readHead } from './log-repository.ts'

/** What this process knows of the committed log. */
export interface LogState {
  /**
   * The tip, with the heads of at least these chains; read anew after `forget()`.
   *
   * @throws LogSetBack, ChainMisstated, LeadershipLost, and what the database throws
   */
  load(chains: ReadonlySet<string>): Promise<LogTip>
  /** The tip as it is known. @throws Error before the first load */
  tip(): LogTip
  /** Moves the tip behind a batch that is on its way, so that the next can be built on it. */
  advance(batch: EntryBatch): void
  /** The batch is committed. */
  confirm(batch: EntryBatch): void
  /** Whether the tip can be given at once with the heads of these chains. */
  isReadyFor(chains: Iterable<string>): boolean
  /** After a failure: what is in memory may not be what is in the database. */
  forget(): void
  /** Of the newest commit that this process has seen; undefined before the first look. */
  committed(): Frontier | undefined
  /** False from `forget()` until the head was read again. */
  isCurrent(): boolean
}

// A chain that is not here costs one read when it comes up.
const CHAINS_MAX = 10_000

/** The log as the leader of `epoch` may build on it. */
export function openLogState(connection: Connection, epoch: number): LogState {
  let isCurrent = false
  let committed: Frontier | undefined
  let tip: Frontier | undefined
  const chains = new Map<string, ChainHead>()

  async function reload(): Promise<void> {
    const head = await readHead(connection)
    if (head.epoch !== epoch) throw new LeadershipLost()
    if (committed !== undefined && head.frontier.size < committed.size) {
      throw new LogSetBack(committed.size, head.frontier.size)
    }
    chains.clear()
    committed = head.frontier
    tip = head.frontier
    isCurrent = true
  }

  function tipNow(): LogTip {
    if (tip === undefined) throw new Error('a loaded log has a frontier')
    return { frontier: tip, epoch, chains }
  }

  return {
    async load(wanted) {
      if (!isCurrent) await reload()
      const missing = [...wanted].filter((chain) => !chains.has(chain))
      if (missing.length > 0) {
        for (const [chain, head] of await readChains(connection, missing)) chains.set(chain, head)
      }
      return tipNow()
    },
    tip: tipNow,
    confirm(batch) {
      committed = batch.frontier
    },
    isReadyFor(wanted) {
      for (const chain of wanted) if (!chains.has(chain)) return false
      return isCurrent
    },
    advance(batch) {
      tip = batch.frontier
      for (const [chain, head] of batch.chains) {
        // Deleted first, so that the chains that rest stand in front.
        chains.delete(chain)
        chains.set(chain, head)
      }
      for (const chain of chains.keys()) {
        if (chains.size <= CHAINS_MAX) break
        chains.delete(chain)
      }
    },
    forget() {
      isCurrent = false
    },
    committed: () => committed,
    isCurrent: () => isCurrent,
  }
}

/**
 * The database was set back to an earlier state: going on would give a second history to what was
 * promised.
 */
class LogSetBack extends FinalFailure {
  constructor(committedSize: number, foundSize: number) {
    super(`the database holds ${foundSize} entries, though ${committedSize} were committed`)
    this.name = 'LogSetBack'
  }
}
