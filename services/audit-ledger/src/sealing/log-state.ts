import type { Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import type { ChainHead, EntryBatch, LogTip } from './entry-batch.ts'
import { readChains, readHead } from './log-repository.ts'

/** What this process knows of the committed log. */
export interface LogState {
  /**
   * The tip, with the heads of at least these chains; read anew after `forget()`.
   *
   * @throws LogSetBack, ChainMisstated, and what the database throws
   */
  load(chains: ReadonlySet<string>): Promise<LogTip>
  /** Follows a commit. */
  advance(batch: EntryBatch): void
  /** After a failure: what is in memory may not be what is in the database. */
  forget(): void
  /** Of the newest commit that this process has seen; undefined before the first look. */
  committed(): Frontier | undefined
  epoch(): number
  /** False from `forget()` until the head was read again. */
  isCurrent(): boolean
}

// A chain that is not here costs one read when it comes up.
const CHAINS_MAX = 10_000

/** @throws Error when the database holds less than was committed: it was set back. */
export function openLogState(connection: Connection): LogState {
  let isCurrent = false
  let epoch = 0
  let committed: Frontier | undefined
  const chains = new Map<string, ChainHead>()

  async function reload(): Promise<void> {
    const head = await readHead(connection)
    if (committed !== undefined && head.frontier.size < committed.size) {
      throw new LogSetBack(committed.size, head.frontier.size)
    }
    chains.clear()
    epoch = head.epoch
    committed = head.frontier
    isCurrent = true
  }

  return {
    async load(wanted) {
      if (!isCurrent) await reload()
      const missing = [...wanted].filter((chain) => !chains.has(chain))
      if (missing.length > 0) {
        for (const [chain, head] of await readChains(connection, missing)) chains.set(chain, head)
      }
      if (committed === undefined) throw new Error('a loaded log has a frontier')
      return { frontier: committed, epoch, chains }
    },
    advance(batch) {
      committed = batch.frontier
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
    epoch: () => epoch,
    isCurrent: () => isCurrent,
  }
}

/**
 * The database was set back to an earlier state: going on would give a second history to what was
 * promised.
 */
export class LogSetBack extends Error {
  constructor(committedSize: number, foundSize: number) {
    super(`the database holds ${foundSize} entries, though ${committedSize} were committed`)
    this.name = 'LogSetBack'
  }
}
