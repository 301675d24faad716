import type { AuditFilters } from '@mumega/contracts/audit-search'
import type { Knex } from '@mumega/db'
import { decodeEntry } from '@mumega/tlog/entry'
import { indexBehind } from '../errors.ts'
import { findEntries } from './entry-repository.ts'
import { getIndexState, listIndexRows } from './search-repository.ts'

/** What an export takes next: at most `limit` of what is in `begin` ≤ index < `end`. */
export interface Selection {
  readonly begin: number
  readonly end: number
  readonly limit: number
}

/**
 * The indexes of the next entries, in the order of the log. The whole log and a whole chain are
 * taken from the log itself and its keys; only other filters rest on the search index.
 *
 * @throws audit-ledger.index-behind when the search index does not reach `end` yet, or is known to
 * be wrong
 */
export async function selectEntries(
  trx: Knex.Transaction,
  filters: AuditFilters,
  selection: Selection,
): Promise<number[]> {
  const { begin, end, limit } = selection
  const named = Object.entries(filters).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  )
  if (named.length === 0) {
    const count = Math.min(limit, end - begin)
    return Array.from({ length: Math.max(0, count) }, (_, nth) => begin + nth)
  }
  if (named.join() === 'chain' && filters.chain !== undefined) {
    return selectChain(trx, filters.chain, selection)
  }
  const { indexedSize, openFaults } = await getIndexState(trx)
  if (indexedSize < end || openFaults > 0) throw indexBehind(Math.max(0, end - indexedSize))
  const rows = await listIndexRows(trx, filters, { ...selection, order: 'oldest' })
  return rows.map(({ index }) => index)
}

async function selectChain(
  trx: Knex.Transaction,
  chain: string,
  { begin, end, limit }: Selection,
): Promise<number[]> {
  const rows = await trx<{ chain: string; seq: string; log_index: string }>('event_keys')
    .where('chain', chain)
    .where('seq', '>', await seqBefore(trx, chain, begin))
    .where('log_index', '>=', begin)
    .where('log_index', '<', end)
    .orderBy('seq')
    .limit(limit)
    .select('log_index')
  return rows.map((row) => Number(row.log_index))
}

/** The keys are in the order of the chain: its last exported entry says where to go on. */
async function seqBefore(trx: Knex.Transaction, chain: string, begin: number): Promise<number> {
  if (begin === 0) return 0
  const bytes = (await findEntries(trx, [begin - 1])).get(begin - 1)
  const last = bytes && decodeEntry(bytes)
  return last?.chain === chain ? last.seq : 0
}
