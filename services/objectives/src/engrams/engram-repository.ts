import type { Engram, EngramTier } from '@mumega/contracts/engrams'
import type { Knex } from '@mumega/db'

interface EngramRow {
  engram_id: string
  number: string
  kind: string
  body: string | null
  measures: Record<string, number>
  tags: string[]
  tier: EngramTier
  circle: string | null
  recorded_by: string
  observed_at: Date
  recorded_at: Date
  expires_at: Date | null
  nonce: string
}

export type NewEngram = Omit<Engram, 'number'> & { readonly tenantId: string }

const COLUMNS = `engram_id, number, kind, body, measures, tags, tier, circle, recorded_by,
  observed_at, recorded_at, expires_at, nonce`
const SHARDS = 16

/** Counts one more. Gives how many the tenant has then, but for those counted meanwhile. */
export async function countOneMore(trx: Knex.Transaction, tenantId: string): Promise<number> {
  const shard = Math.floor(Math.random() * SHARDS)
  const counted = await trx.raw<{ rows: { total: string }[] }>(
    `with grown as (
       insert into engram_counts as counts (tenant_id, shard, recorded)
       values (:tenantId, :shard, 1)
       on conflict (tenant_id, shard) do update set recorded = counts.recorded + 1
       returning recorded)
     select (select recorded from grown) + coalesce(sum(recorded), 0) as total
       from engram_counts where tenant_id = :tenantId and shard <> :shard`,
    { tenantId, shard },
  )
  return Number(counted.rows[0]?.total)
}

/** It needs the tenant's lock, `shareEngramLock`. Gives the number that it has drawn. */
export async function insertEngram(trx: Knex.Transaction, engram: NewEngram): Promise<string> {
  const rows = await trx('engrams')
    .insert({
      tenant_id: engram.tenantId,
      engram_id: engram.engramId,
      kind: engram.kind,
      body: engram.text ?? null,
      measures: JSON.stringify(engram.measures),
      tags: engram.tags,
      tier: engram.tier,
      circle: engram.circle ?? null,
      recorded_by: engram.recordedBy,
      observed_at: engram.observedAt,
      recorded_at: engram.recordedAt,
      expires_at: engram.expiresAt ?? null,
      nonce: engram.nonce,
    })
    .returning<{ number: string }[]>('number')
  const [row] = rows
  if (row === undefined) throw new Error('an inserted engram gave no number')
  return row.number
}

/** One that fits `visible`, a `tsquery`, and has not expired at `now`. */
export async function findEngram(
  trx: Knex.Transaction,
  wanted: { tenantId: string; engramId: string; visible: string; now: Date },
): Promise<Engram | undefined> {
  const found = await trx.raw<{ rows: EngramRow[] }>(
    `select ${COLUMNS} from engrams
      where tenant_id = :tenantId and engram_id = :engramId
        and search @@ (:visible)::tsquery and (expires_at is null or expires_at > :now)`,
    wanted,
  )
  return found.rows.map(engramOf)[0]
}

/** Whether there is a word in a query that can be looked for: `the` is none. */
export async function hasWords(trx: Knex.Transaction, query: string): Promise<boolean> {
  const found = await trx.raw<{ rows: { nodes: number }[] }>(
    `select numnode(websearch_to_tsquery('english', ?)) as nodes`,
    [query],
  )
  return (found.rows[0]?.nodes ?? 0) > 0
}

export interface Wanted {
  readonly tenantId: string
  /** A `tsquery` of what may be seen and fits the conditions. */
  readonly fitting: string
  readonly query: string | undefined
  readonly since: Date | undefined
  readonly until: Date | undefined
  /** Only with lower numbers. */
  readonly below: string | undefined
  readonly now: Date
  readonly limit: number
  /** Where given, the best of so many of the newest. */
  readonly rankedMax: number | undefined
}

// In two steps: the function finds by the index, past the policy, and what it finds is read under
// the policy.
const FOUND = `
  with found as materialized (
    select find_engrams(
      (:fitting)::tsquery && coalesce(websearch_to_tsquery('english', :query), '')::tsquery,
      :since, :until, :below, :now, :most) as number)
  select ${COLUMNS} from engrams
   where tenant_id = :tenantId and number in (select number from found)`
const NEWEST = `${FOUND} order by number desc limit :limit`
const BEST = `${FOUND}
  order by ts_rank(search, websearch_to_tsquery('english', :query)) desc, number desc
  limit :limit`

/** The newest first, or the best. */
export async function listEngrams(trx: Knex.Transaction, wanted: Wanted): Promise<Engram[]> {
  const { tenantId, fitting, query, since, until, below, now, limit, rankedMax } = wanted
  const found = await trx.raw<{ rows: EngramRow[] }>(rankedMax === undefined ? NEWEST : BEST, {
    ...{ tenantId, fitting, now, limit, most: rankedMax ?? limit },
    query: query ?? null,
    since: since ?? null,
    until: until ?? null,
    below: below ?? null,
  })
  return found.rows.map(engramOf)
}

function engramOf(row: EngramRow): Engram {
  return {
    engramId: row.engram_id,
    number: row.number,
    kind: row.kind,
    ...(row.body !== null && { text: row.body }),
    measures: row.measures,
    tags: row.tags,
    tier: row.tier,
    ...(row.circle !== null && { circle: row.circle }),
    observedAt: row.observed_at.toISOString(),
    recordedAt: row.recorded_at.toISOString(),
    recordedBy: row.recorded_by,
    nonce: row.nonce,
    ...(row.expires_at !== null && { expiresAt: row.expires_at.toISOString() }),
  }
}
