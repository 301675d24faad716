import { findNoTime, type AuditFilters } from '@mumega/contracts/audit-search'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { decodeEntry, type LeafEntry } from '@mumega/tlog/entry'
import { invalidFilter } from '../errors.ts'
import { findEntries } from './entry-repository.ts'
import { isSameRow, rowOf, type IndexRow } from './index-row.ts'
import { listIndexRows, type Range } from './search-repository.ts'

/** An entry that the index names and the log has. */
export interface ReadEntry {
  readonly index: number
  readonly entry: LeafEntry
  readonly bytes: Buffer
}

/** What the index gave for a page, each entry as the log has it. */
export interface Page {
  readonly entries: readonly ReadEntry[]
  /** Of the last row that was looked at, also where it was left out; undefined for no rows. */
  readonly lastIndex: number | undefined
  /** Whether there are more rows behind. */
  readonly hasMore: boolean
  /** Indexes of rows that are not as the log has them; their entries are left out. */
  readonly wrong: readonly number[]
}

/**
 * The filters as row-level security has them anyway, so that the database can use its indexes.
 *
 * @throws audit-ledger.invalid-filter
 */
export function filtersOf(filters: AuditFilters, context: CallContext): AuditFilters | undefined {
  const field = findNoTime(filters)
  if (field !== undefined) throw invalidFilter(field, 'is no date of the calendar')
  if (context.tenantId === SUBSTRATE) return filters
  if (filters.chain !== undefined && filters.chain !== context.tenantId) return undefined
  return { ...filters, chain: context.tenantId }
}

/** Reads a page of the index in `trx`, and every entry of it from the log. */
export async function readPage(
  trx: Knex.Transaction,
  filters: AuditFilters,
  range: Range,
): Promise<Page> {
  const rows = await listIndexRows(trx, filters, { ...range, limit: range.limit + 1 })
  const page = rows.slice(0, range.limit)
  const found = await findEntries(
    trx,
    page.map(({ index }) => index),
  )
  const read = page.map((row) => ({ row, entry: entryOf(row, found.get(row.index)) }))
  return {
    entries: read.flatMap(({ entry }) => entry ?? []),
    lastIndex: page.at(-1)?.index,
    hasMore: rows.length > range.limit,
    wrong: read.filter(({ entry }) => entry === undefined).map(({ row }) => row.index),
  }
}

/** The entry of a row; undefined when the log has none there, or one that says something else. */
function entryOf(row: IndexRow, bytes: Buffer | undefined): ReadEntry | undefined {
  if (bytes === undefined) return undefined
  const entry = decodeEntry(bytes)
  if (!isSameRow(row, rowOf(row.index, entry))) return undefined
  return { index: row.index, entry, bytes }
}
