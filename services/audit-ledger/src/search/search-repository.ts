import type { AuditFilters } from '@mumega/contracts/audit-search'
import type { Knex } from '@mumega/db'
import { storable, type IndexRow } from './index-row.ts'

/** How far the index has come, and whether it is known to be wrong somewhere. */
export interface IndexState {
  readonly indexedSize: number
  readonly openFaults: number
}

export async function getIndexState(db: Knex): Promise<IndexState> {
  const answer = await db.raw<{ rows: { indexed_size: string; open: number }[] }>(
    `select indexed_size,
            (select count(*)::int from entry_index_faults where mended_at is null) as open
       from entry_index_progress`,
  )
  const [row] = answer.rows
  return { indexedSize: Number(row?.indexed_size), openFaults: row?.open ?? 0 }
}

/** Where a page begins and how long it is. `begin` is inclusive, `end` exclusive. */
export interface Range {
  readonly begin: number
  readonly end: number
  readonly order: 'newest' | 'oldest'
  readonly limit: number
}

interface StoredRow {
  log_index: string
  chain: string
  seq: string
  source: string
  id: string
  actor_id: string
  actor_kind: string
  action: string
  target: string
  phase: string
  closes: string | null
  occurred_at: Date
  trace: Buffer | null
}

/** Rows of the index by these filters, as far as the transaction's tenant may see them. */
export async function listIndexRows(
  trx: Knex.Transaction,
  filters: AuditFilters,
  { begin, end, order, limit }: Range,
): Promise<IndexRow[]> {
  const rows = await narrowed(trx<StoredRow>('entry_index'), filters)
    .where('log_index', '>=', begin)
    .where('log_index', '<', end)
    .orderBy('log_index', order === 'newest' ? 'desc' : 'asc')
    .limit(limit)
    .select<StoredRow[]>('*')
  return rows.map((row) => ({
    index: Number(row.log_index),
    chain: row.chain,
    seq: Number(row.seq),
    source: row.source,
    id: row.id,
    actorId: row.actor_id,
    actorKind: row.actor_kind,
    action: row.action,
    target: row.target,
    phase: row.phase,
    closes: row.closes,
    time: row.occurred_at.toISOString(),
    trace: row.trace?.toString('hex') ?? null,
  }))
}

const ALL_UNDER = '.*'

function narrowed(
  query: Knex.QueryBuilder<StoredRow, StoredRow[]>,
  { chain, actor, action, target, phase, trace, from, until }: AuditFilters,
): Knex.QueryBuilder<StoredRow, StoredRow[]> {
  if (chain !== undefined) void query.where('chain', chain)
  if (actor !== undefined) void query.where('actor_id', storable(actor))
  if (action?.endsWith(ALL_UNDER) === true) {
    // A range and not `like`, so that the index serves it: `/` is what follows `.` in ASCII.
    const prefix = action.slice(0, -ALL_UNDER.length)
    void query.where('action', '>=', `${prefix}.`).where('action', '<', `${prefix}/`)
  } else if (action !== undefined) void query.where('action', action)
  if (target !== undefined) void query.where('target', storable(target))
  if (phase !== undefined) void query.where('phase', phase)
  if (trace !== undefined) void query.where('trace', Buffer.from(trace, 'hex'))
  if (from !== undefined) void query.where('occurred_at', '>=', from)
  if (until !== undefined) void query.where('occurred_at', '<', until)
  return query
}
