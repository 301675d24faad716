import type { Connection } from '../connection.ts'
import { entryAt } from './key-repository.ts'

/** A row of `audit_chain_drops`, with what stands where it says that it was resolved. */
export interface StoredDrop {
  readonly dropId: string
  readonly source: string
  /** Undefined when the bytes could not be read that far. */
  readonly id: string | undefined
  /** Undefined in rows from before it was put on record. */
  readonly logSize: number | undefined
  readonly isResolved: boolean
  /** The entry that is said to resolve it. */
  readonly index: number | undefined
  /** The batch in which that index is; undefined where there is none. */
  readonly batchIndex: number | undefined
  /** Of that entry; undefined where there is none. */
  readonly bytes: Buffer | undefined
  /** Whether the hash is the one that the entry's key has. */
  readonly hasSameHash: boolean
  /** Whether the erasure of that entry took the hashes that could be compared. */
  readonly isErased: boolean
}

/** Drops of one page. */
export const DROPS_PAGE = 200
const NAME_MAX = 300

interface DropColumns {
  drop_id: string
  source: string
  id: string | null
  log_size: string | null
  is_resolved: boolean
  resolved_index: string | null
  first_index: string | null
  bytes: Buffer | null
  has_same_hash: boolean
  is_erased: boolean
}

/** The next drops behind `after`, in the order of their ids; the first ones where it is absent. */
export async function readDrops(
  connection: Connection,
  after: string | undefined,
): Promise<StoredDrop[]> {
  const answer = await connection.query<DropColumns>({
    text: `
      with page as (
        select * from audit_chain_drops where $1::uuid is null or drop_id > $1::uuid
         order by drop_id limit ${DROPS_PAGE})
      select drop_id, left(page.source, ${NAME_MAX}) as source, page.id, log_size, resolved_index,
             (resolved_at is not null or resolved_index is not null) as is_resolved,
             batch.first_index, entry.bytes,
             coalesce(sealed.intent_hash = payload_hash, false) as has_same_hash,
             exists (select from redactions where log_index = resolved_index) as is_erased
        from page ${entryAt('page.resolved_index')}
        left join lateral (
          select * from event_keys key where key.source = page.source and key.id = page.id offset 0)
          sealed on sealed.log_index = resolved_index
       order by drop_id`,
    values: [after ?? null],
  })
  return answer.rows.map((row) => ({
    dropId: row.drop_id,
    source: row.source,
    id: row.id ?? undefined,
    logSize: numberOf(row.log_size),
    isResolved: row.is_resolved,
    index: numberOf(row.resolved_index),
    batchIndex: numberOf(row.first_index),
    bytes: row.bytes ?? undefined,
    hasSameHash: row.has_same_hash,
    isErased: row.is_erased,
  }))
}

function numberOf(text: string | null): number | undefined {
  return text === null ? undefined : Number(text)
}

/** How many drops there were when a pass last counted more than ever. */
export async function readDropsSeen(connection: Connection): Promise<number> {
  const answer = await connection.query<{ drops_seen: string }>({
    text: 'select drops_seen from scrub_progress',
  })
  return Number(answer.rows[0]?.drops_seen ?? 0)
}
