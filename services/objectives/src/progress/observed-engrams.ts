import type { Knex } from '@mumega/db'
import type { Observed } from './formula.ts'

const PAGE = 5_000
const NO_TAGS: ReadonlySet<string> = new Set()
const NO_MEASURES: ReadonlyMap<string, number> = new Map()

/** Which engrams of a tenant a run looks at: those that were there, and meant to be, by then. */
export interface ObservedQuery {
  readonly tenantId: string
  /** Recorded up to this one. */
  readonly cutoff: string
  /** Observed from then on, and before then. */
  readonly fromMs: number
  readonly toMs: number
  /** What has expired by then does not count. */
  readonly asOf: Date
  /** Any kind when absent. */
  readonly kinds?: readonly string[] | undefined
  /** Of these tags at least all. */
  readonly tags?: readonly string[]
  /** Only those that have it. */
  readonly measure?: string | undefined
}

interface ObservedRow {
  number: string
  engram_id: string
  kind: string
  tags: string
  measures: string
  at_ms: number
}

export interface NumberedEngram extends Observed {
  readonly number: string
}

/** The highest number that an engram of the tenant has; '0' without one. Needs `takeEngramLock`. */
export async function highestNumber(trx: Knex.Transaction, tenantId: string): Promise<string> {
  const found = await trx.raw<{ rows: { number: string }[] }>(
    'select coalesce(max(number), 0) as number from engrams where tenant_id = ?',
    [tenantId],
  )
  return found.rows[0]?.number ?? '0'
}

/** In the order of their recording, those after `after`. */
export async function listObserved(
  trx: Knex.Transaction,
  query: ObservedQuery,
  { after, limit = PAGE }: { after: string; limit?: number },
): Promise<NumberedEngram[]> {
  const { tenantId, cutoff, fromMs, toMs, asOf, kinds, tags = [], measure } = query
  // As text: the driver's way with a million arrays and objects takes several times as long.
  const found = await trx.raw<{ rows: ObservedRow[] }>(
    `select number, engram_id, kind, array_to_string(tags, ' ') as tags, measures::text as measures,
            extract(epoch from observed_at)::float8 * 1000 as at_ms
       from engrams
      where tenant_id = :tenantId and number > :after and number <= :cutoff
        and observed_at >= :from and observed_at < :to
        and (expires_at is null or expires_at > :asOf)
        -- What not everybody may see proves nothing to everybody, and would show in the value.
        and tier = 'public'
        and (:kinds::text[] is null or kind = any(:kinds::text[])) and tags @> :tags::text[]
        and (:measure::text is null or jsonb_exists(measures, :measure::text))
      order by number limit :limit`,
    {
      ...{ tenantId, cutoff, after, limit, asOf, tags },
      ...{ from: new Date(fromMs), to: new Date(toMs) },
      ...{ kinds: kinds ?? null, measure: measure ?? null },
    },
  )
  return found.rows.map((row) => ({
    number: row.number,
    engramId: row.engram_id,
    kind: row.kind,
    tags: row.tags === '' ? NO_TAGS : new Set(row.tags.split(' ')),
    measures: row.measures === '{}' ? NO_MEASURES : measuresOf(row.measures),
    // Milliseconds are what a timestamp of ours has.
    observedAtMs: Math.round(row.at_ms),
  }))
}

function measuresOf(text: string): Map<string, number> {
  return new Map(Object.entries(JSON.parse(text) as Record<string, number>))
}

/** Whether a page that came with `limit` may have another one after it. */
export function isFull(page: readonly unknown[], limit = PAGE): boolean {
  return page.length === limit
}
