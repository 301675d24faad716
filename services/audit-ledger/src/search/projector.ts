import { logger } from '@mumega/telemetry'
import { openGroundCheck } from '../completeness/ground-check.ts'
import type { Connection } from '../connection.ts'
import { openGrowth } from '../growth.ts'
import type { FindingRecord } from '../scrubbing/finding-record.ts'
import type { Sealer } from '../sealing/sealer.ts'
import { openIndexChecker } from './check-index.ts'
import {
  countSlice,
  insertFaults,
  projectRows,
  readProgress,
  readRows,
  type Fault,
} from './index-repository.ts'
import { boundNumbers } from './number-repository.ts'
import { hasTimeToCheck, restMs, SLICE, type Load } from './pace.ts'

/** Fills the search index from the committed log, and holds it to the log. */
export interface Projector {
  /** Entries that are committed and not yet to be found. */
  lag(): number
  /** Entries that are committed, as far as is known here, and those that are projected. */
  sizes(): { committed: number; projected: number }
  /** Why the last slice could not be projected or compared; undefined when all is well. */
  trouble(): string | undefined
  /** Has an entry, about which the index was seen to be wrong, compared at once. */
  suspect(index: number): void
  /** Ends after the slice at hand. What is left is projected after the next start. */
  stop(): Promise<void>
}

// A slice every second and a range of the counts: the bounds to detection in the README.
const CHECK_MS = 1_000
const RETRY_MS = 1_000

/**
 * Projects the log behind the sealer, which must have loaded. For the leader only: two of them
 * disturb each other no more than that one of them finds its slice done.
 */
export function startProjector(
  connection: Connection,
  sealer: Pick<Sealer, 'committed' | 'onGrowth'>,
  findings: Pick<FindingRecord, 'record' | 'clear'>,
): Projector {
  const log = logger('audit-ledger')
  const indexing = openIndexing(connection)
  const ground = openGroundCheck(connection, findings)
  const growth = openGrowth()
  const rest = openRest()
  let size = sealer.committed()?.size ?? 0
  let trouble: string | undefined
  let checkAtMs = 0

  /** Does what there is to do now, and rests. */
  async function work(): Promise<void> {
    await indexing.resume()
    const startedMs = performance.now()
    const isBehind = indexing.size() < size
    if (isBehind) await indexing.project(size)
    const load: Load = {
      workMs: performance.now() - startedMs,
      behind: Math.max(0, size - indexing.size()),
      grownPerSecond: growth.perSecond(size),
    }
    trouble = undefined
    if (isBehind) return rest.take(restMs(load))
    const isDue = performance.now() >= checkAtMs && hasTimeToCheck(load)
    if (isDue || indexing.checker.isUrgent()) {
      const projected = Math.min(indexing.size(), size)
      logFaults(log, await indexing.checker.step(projected))
      if (isDue) await ground.step(projected)
      checkAtMs = performance.now() + CHECK_MS
    }
    if (!indexing.checker.isUrgent()) await rest.takeUntilWoken(CHECK_MS)
  }

  async function run(): Promise<void> {
    while (!rest.isOver()) {
      try {
        await work()
      } catch (error) {
        trouble = 'the search index cannot be filled or compared; the log says why'
        log.warn({ error, indexed: indexing.size(), size }, 'projection-failed')
        await rest.take(RETRY_MS)
      }
    }
  }

  sealer.onGrowth(({ frontier }) => {
    size = frontier.size
    rest.wake()
  })
  const running = run()

  return {
    lag: () => Math.max(0, size - indexing.size()),
    sizes: () => ({ committed: size, projected: indexing.size() }),
    trouble: () => trouble,
    suspect(index) {
      indexing.checker.suspect({ begin: index, end: index + 1 })
      rest.wake()
    },
    async stop() {
      rest.end()
      await running
    },
  }
}

/** The index behind its own progress, which moves in the transaction that adds the rows. */
function openIndexing(connection: Connection) {
  const checker = openIndexChecker(connection)
  let at = 0
  let isResumed = false

  async function reportStood(stood: readonly number[]): Promise<void> {
    const faults = stood.map(stoodBefore)
    // They were replaced by the statement that found them; what is left to do is to say so.
    await insertFaults(connection, faults)
    checker.suspect({ begin: stood[0] ?? at, end: at })
    logFaults(logger('audit-ledger'), faults)
  }

  /** Counts what is projected and not counted. Gives how far the log is projected. */
  async function countUncounted(): Promise<number> {
    for (;;) {
      const { indexed, counted } = await readProgress(connection)
      if (counted >= indexed) return indexed
      const slice = { begin: counted, end: Math.min(counted + SLICE, indexed) }
      await countSlice(connection, slice, await readRows(connection, slice))
      await boundNumbers(connection)
    }
  }

  return {
    checker,
    size: () => at,
    /** Goes on where the last process was. Does nothing once it has. */
    async resume(): Promise<void> {
      if (isResumed) return
      await checker.resume()
      at = await countUncounted()
      isResumed = true
    },
    /** Projects the next slice of a log of `size` entries. */
    async project(size: number): Promise<void> {
      const slice = { begin: at, end: Math.min(at + SLICE, size) }
      const stood = await projectRows(connection, slice, await readRows(connection, slice))
      if (stood === undefined) isResumed = false
      else at = slice.end
      if (stood !== undefined && stood.length > 0) await reportStood(stood)
      await boundNumbers(connection)
    },
  }
}

function logFaults(log: ReturnType<typeof logger>, faults: readonly Fault[]): void {
  for (const fault of faults) log.error({ ...fault }, 'search-index-mended')
}

/** Waits that growth may cut short, and the end does always. */
function openRest() {
  let isOver = false
  let isWakeful = false
  let wake: () => void = () => undefined

  async function wait(ms: number): Promise<void> {
    if (isOver) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wake = resolve
      timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
  }

  return {
    isOver: () => isOver,
    take(ms: number): Promise<void> {
      isWakeful = false
      return wait(ms)
    },
    takeUntilWoken(ms: number): Promise<void> {
      isWakeful = true
      return wait(ms)
    },
    wake() {
      if (isWakeful) wake()
    },
    end() {
      isOver = true
      wake()
    },
  }
}

function stoodBefore(index: number): Fault {
  return { index, entries: 1, reason: 'in the index before the log had it' }
}
