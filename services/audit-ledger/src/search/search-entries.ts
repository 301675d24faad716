import type { FoundEntry, searchEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { entryHash } from '@mumega/tlog/entry'
import { getLogSize } from './entry-repository.ts'
import type { Projector } from './projector.ts'
import { filtersOf, readPage, type ReadEntry } from './read-page.ts'
import { getIndexState } from './search-repository.ts'

export interface SearchTools {
  readonly db: Knex
  /** Told of every row that is not as the log has it. */
  readonly projector: Pick<Projector, 'suspect'> | undefined
}

/**
 * Answers with a page of the caller's entries, each as the log has it. The operators' tenant finds
 * every chain's. While the index lags, or is known to be wrong somewhere, `complete` is false.
 */
export async function handleSearchEntries(
  { db, projector }: SearchTools,
  { order, cursor, limit, ...asked }: RequestOf<typeof searchEntries>,
  context: CallContext,
): Promise<ReplyOf<typeof searchEntries>> {
  const filters = filtersOf(asked, context)
  return readAs(db, context, async (trx) => {
    // The progress before the size: what is sealed in between counts as lag and not as found.
    const { indexedSize, openFaults } = await getIndexState(trx)
    const lag = Math.max(0, (await getLogSize(trx)) - indexedSize)
    const none = { entries: [], wrong: [], hasMore: false, lastIndex: undefined }
    const range = { ...rangeOf(order, cursor, indexedSize), order, limit }
    const page = filters === undefined ? none : await readPage(trx, filters, range)
    for (const index of page.wrong) projector?.suspect(index)
    return {
      entries: page.entries.map(foundOf),
      ...(page.hasMore && page.lastIndex !== undefined && { next: String(page.lastIndex) }),
      complete: lag === 0 && openFaults === 0 && page.wrong.length === 0,
      lag,
    }
  })
}

/** What is behind the cursor in this order, of what is indexed. */
function rangeOf(
  order: 'newest' | 'oldest',
  cursor: string | undefined,
  indexedSize: number,
): { begin: number; end: number } {
  if (cursor === undefined) return { begin: 0, end: indexedSize }
  const at = Number(cursor)
  if (order === 'newest') return { begin: 0, end: Math.min(at, indexedSize) }
  return { begin: at + 1, end: indexedSize }
}

function foundOf({ index, entry, bytes }: ReadEntry): FoundEntry {
  const { source, id, chain, seq, time, actor, action, target, phase, of, trace } = entry
  const place = { source, id, chain, seq, index, hash: entryHash(bytes).toString('hex') }
  return {
    ...place,
    ...{ time, actor, action, target, phase, trace },
    ...(of !== undefined && { of }),
  }
}
