import type { Connection } from '../connection.ts'
import {
  closeFaults,
  countRows,
  findDifferences,
  findOpenFaults,
  insertFaults,
  readRows,
  rewriteRows,
  type Fault,
  type Slice,
} from './index-repository.ts'
import { SLICE } from './pace.ts'

/** Compares the index with the log, a bounded part at a time, round and round. */
export interface IndexChecker {
  /** Looks first at what was found and not mended before; the faults of an earlier process. */
  resume(): Promise<void>
  /**
   * One step over the first `size` entries: a range is counted, or a slice is compared value by
   * value. What differs is put on record, then written anew from the log. Gives what was found.
   */
  step(size: number): Promise<readonly Fault[]>
  /** Whether a fault is known that was not looked at yet: then the next step should not wait. */
  isUrgent(): boolean
  /** Has the entry at `index` compared next. */
  suspect(slice: Slice): void
}

// A count over an index alone: some ten milliseconds.
const COUNT_RANGE = 65_536

export function openIndexChecker(connection: Connection): IndexChecker {
  let counted = 0
  let compared = 0
  /** What is to be compared next, of what was suspected. */
  let suspects: (Slice & { readonly next: number }) | undefined

  function suspect(slice: Slice): void {
    const begin = Math.min(suspects?.begin ?? Infinity, slice.begin)
    const end = Math.max(suspects?.end ?? 0, slice.end)
    suspects = { begin, end, next: Math.min(suspects?.next ?? Infinity, slice.begin) }
  }

  async function count(size: number): Promise<void> {
    const begin = counted < size ? counted : 0
    const end = Math.min(begin + COUNT_RANGE, size)
    counted = end
    if ((await countRows(connection, { begin, end })) === end - begin) return
    // Open until all of the range was compared: as long as that takes no search is complete.
    const reason = 'not all in the index'
    await insertFaults(connection, [{ index: begin, entries: end - begin, reason }])
    suspect({ begin, end })
  }

  async function compareSuspects(size: number): Promise<readonly Fault[]> {
    const { begin, end, next } = suspects ?? { begin: 0, end: 0, next: 0 }
    const slice = sliceAt(next, size)
    const faults = await compare(connection, slice)
    if (slice.end < Math.min(end, size)) suspects = { begin, end, next: slice.end }
    else {
      await closeFaults(connection, { begin, end: Math.max(end, slice.end) })
      suspects = undefined
    }
    return faults
  }

  return {
    async resume() {
      const open = await findOpenFaults(connection)
      if (open !== undefined) suspect(open)
    },
    async step(size) {
      if (size === 0) return []
      if (suspects === undefined) await count(size)
      if (suspects !== undefined && suspects.next < size) return compareSuspects(size)
      suspects = undefined
      const slice = sliceAt(compared < size ? compared : 0, size)
      const faults = await compare(connection, slice)
      compared = slice.end
      return faults
    },
    isUrgent: () => suspects !== undefined,
    suspect,
  }
}

/** Slices stand at multiples of their width, so that a fault is found again in the same one. */
function sliceAt(index: number, size: number): Slice {
  const begin = Math.floor(index / SLICE) * SLICE
  return { begin, end: Math.min(begin + SLICE, size) }
}

/** Compares one slice and mends it. The fault is on record before it is gone from the index. */
async function compare(connection: Connection, slice: Slice): Promise<readonly Fault[]> {
  const rows = await readRows(connection, slice)
  const differences = await findDifferences(connection, rows)
  const faults = runsOf(differences)
  if (faults.length > 0) {
    await insertFaults(connection, faults)
    await rewriteRows(connection, rows)
  }
  await closeFaults(connection, slice)
  return faults
}

/** Neighbours with the same fault are one. */
function runsOf(differences: readonly { index: number; isMissing: boolean }[]): Fault[] {
  const runs: { index: number; entries: number; reason: string }[] = []
  for (const { index, isMissing } of differences) {
    const reason = isMissing ? 'missing in the index' : 'altered in the index'
    const last = runs.at(-1)
    if (last !== undefined && last.reason === reason && last.index + last.entries === index) {
      last.entries += 1
    } else {
      runs.push({ index, entries: 1, reason })
    }
  }
  return runs
}
