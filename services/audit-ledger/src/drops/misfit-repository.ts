import type { Knex } from '@mumega/db'
import { newestFirst, type Page } from '../newest-first.ts'
import type { Conflict, Drop } from './misfits.ts'

interface DropRow {
  drop_id: string
  source: string
  id: string | null
  reason: string
  attempts: number
  payload_hash: Buffer
  occurred_at: Date
  resolved_at: Date | null
  resolved_index: string | null
}

export interface RecordedDrop extends Omit<Drop, 'logSize'> {
  readonly dropId: string
  readonly occurredAt: Date
  readonly resolvedAt?: Date
  readonly resolvedIndex?: number
}

const REASON_CHARACTERS_MAX = 500
/** Drops that one statement resolves at most. */
export const RESOLVED_MAX = 1_000

type NewDrop = Drop & { readonly dropId: string; readonly occurredAt: Date }

/**
 * Records drops in one statement; one that is known adds its attempts. Returns those that are new.
 */
export async function upsertDrops(
  trx: Knex.Transaction,
  drops: readonly NewDrop[],
): Promise<NewDrop[]> {
  if (drops.length === 0) return []
  const merged = mergeRepeated(drops)
  const answer = await trx.raw<{ rows: { drop_id: string; is_new: boolean }[] }>(
    `insert into audit_chain_drops
            (drop_id, source, id, reason, attempts, payload_hash, occurred_at, log_size)
     select drop_id, source, nullif(id, '')::uuid, reason, attempts, payload_hash, occurred_at, log_size
       from unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::int[], ?::bytea[],
                   ?::timestamptz[], ?::bigint[])
            as made (drop_id, source, id, reason, attempts, payload_hash, occurred_at, log_size)
     on conflict (source, id, payload_hash)
       do update set attempts = audit_chain_drops.attempts + excluded.attempts
     returning audit_chain_drops.drop_id, xmax = 0 as is_new`,
    [
      merged.map(({ dropId }) => dropId),
      merged.map(({ source }) => source),
      merged.map(({ id }) => id ?? ''),
      merged.map(({ reason }) => reason.slice(0, REASON_CHARACTERS_MAX)),
      merged.map(({ attempts }) => attempts),
      merged.map(({ payloadHash }) => payloadHash),
      merged.map(({ occurredAt }) => occurredAt),
      merged.map(({ logSize }) => logSize),
    ],
  )
  const created = new Set(answer.rows.filter((row) => row.is_new).map((row) => row.drop_id))
  return merged.filter(({ dropId }) => created.has(dropId))
}

/** One statement may not touch a row twice. */
function mergeRepeated(drops: readonly NewDrop[]): NewDrop[] {
  const merged = new Map<string, NewDrop>()
  for (const drop of drops) {
    const key = `${drop.source} ${drop.id ?? ''} ${drop.payloadHash.toString('hex')}`
    const attempts = (merged.get(key)?.attempts ?? 0) + drop.attempts
    merged.set(key, { ...(merged.get(key) ?? drop), attempts })
  }
  return [...merged.values()]
}

/**
 * Which of these events are erased, as `<source> <id>`. Until `trx` ends no other of them is: what
 * it puts on record of them is there for the erasure to find.
 */
export async function findErased(
  trx: Knex.Transaction,
  events: readonly { source: string; id: string }[],
): Promise<Set<string>> {
  const answer = await trx.raw<{ rows: { source: string; id: string }[] }>(
    'select source, id from erased_among(?::text[], ?::uuid[])',
    [events.map(({ source }) => source), events.map(({ id }) => id)],
  )
  return new Set(answer.rows.map(({ source, id }) => `${source} ${id}`))
}

/** Records a conflict. False when it is on record already. */
export async function insertConflict(
  trx: Knex.Transaction,
  { source, id, sealed, refused, salt, occurredAt }: Conflict & { salt: Buffer; occurredAt: Date },
): Promise<boolean> {
  const answer = await trx.raw<{ rowCount: number }>(
    `insert into audit_chain_conflicts (source, id, sealed_hash, refused_hash, salt, occurred_at)
     values (?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [source, id, sealed, refused, salt, occurredAt],
  )
  return answer.rowCount === 1
}

/**
 * Marks the open drops whose event was sealed after all, at most 1,000 of them: with the content
 * that was dropped, or with a better one since. What stood in the log before with other content
 * resolves nothing. Returns how many it marked.
 */
export async function resolveDrops(trx: Knex.Transaction, resolvedAt: Date): Promise<number> {
  const answer = await trx.raw<{ rowCount: number }>(
    `update audit_chain_drops set resolved_at = ?, resolved_index = sealed.log_index
       from (select open.drop_id, key.log_index from audit_chain_drops open
               join event_keys key on key.source = open.source and key.id = open.id
              where open.resolved_at is null
                and (key.log_index >= open.log_size or key.intent_hash = open.payload_hash)
              limit ?) sealed
      where audit_chain_drops.drop_id = sealed.drop_id`,
    [resolvedAt, RESOLVED_MAX],
  )
  return answer.rowCount
}

export async function countOpenDrops(db: Knex): Promise<number> {
  const answer = await db.raw<{ rows: { open: string }[] }>(
    'select count(*) as open from audit_chain_drops where resolved_at is null',
  )
  return Number(answer.rows[0]?.open)
}

export async function countConflicts(db: Knex): Promise<number> {
  const answer = await db.raw<{ rows: { conflicts: string }[] }>(
    'select count(*) as conflicts from audit_chain_conflicts',
  )
  return Number(answer.rows[0]?.conflicts)
}

/** Lists drops, newest first: those of the page, and one more. */
export async function listDrops(trx: Knex.Transaction, page: Page): Promise<RecordedDrop[]> {
  const rows = await trx<DropRow>('audit_chain_drops').modify<DropRow, DropRow[]>(
    newestFirst,
    'drop_id',
    page,
  )
  return rows.map((row) => ({
    dropId: row.drop_id,
    source: row.source,
    ...(row.id !== null && { id: row.id }),
    reason: row.reason,
    attempts: row.attempts,
    payloadHash: row.payload_hash,
    occurredAt: row.occurred_at,
    ...(row.resolved_at !== null && { resolvedAt: row.resolved_at }),
    ...(row.resolved_index !== null && { resolvedIndex: Number(row.resolved_index) }),
  }))
}
