import type { DependencyHealth } from '@mumega/contracts/health'
import type { Knex } from '@mumega/db'
import type { Projector } from './projector.ts'

export interface IndexHealth {
  readonly dependency: DependencyHealth
  readonly figures: Readonly<Record<string, number>>
}

const NAME = 'search-index'

export const INDEX_UNKNOWN: IndexHealth = {
  dependency: {
    name: NAME,
    status: 'unknown',
    reason: 'the faults of the search index could not be counted',
    latencyMs: 0,
  },
  figures: {},
}

/**
 * How the search index is. A fault that was found in the last day is named, although the index was
 * mended since: somebody has altered it. That is `unknown` and not `failing`: the ledger itself is
 * well, and must not be taken out of service for its index.
 */
export async function readIndexHealth(
  db: Knex,
  projector: Pick<Projector, 'lag' | 'trouble'>,
): Promise<IndexHealth> {
  const answer = await db.raw<{ rows: FaultRow[] }>(
    `select count(*)::int as all, count(*) filter (where mended_at is null)::int as open,
            (select row_to_json(newest) from (
               select log_index, entries, reason, mended_at is null as is_open,
                      to_char(found_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as found
                 from entry_index_faults
                where mended_at is null or found_at > now() - interval '1 day'
                order by mended_at is null desc, fault_id desc limit 1) newest) as newest
       from entry_index_faults`,
  )
  const { all = 0, open = 0, newest } = answer.rows[0] ?? {}
  const reason = newest ? reasonOf(newest) : projector.trouble()
  return {
    dependency: {
      name: NAME,
      status: reason === undefined ? 'ok' : 'unknown',
      latencyMs: 0,
      ...(reason !== undefined && { reason }),
    },
    figures: { indexLag: projector.lag(), indexFaults: all, indexFaultsOpen: open },
  }
}

interface FaultRow {
  all: number
  open: number
  newest: Newest | null
}

interface Newest {
  log_index: number
  entries: number
  reason: string
  is_open: boolean
  found: string
}

function reasonOf({ log_index: index, entries, reason, is_open: isOpen, found }: Newest): string {
  const what =
    entries === 1 ? `entry ${index} was` : `entries ${index} to ${index + entries - 1} were`
  const now = isOpen ? 'being rebuilt from the log' : 'rebuilt from the log'
  return `${what} ${reason}, found at ${found}, ${now}; see who may write the table entry_index`
}
