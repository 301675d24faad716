import type { Knex } from '@mumega/db'
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

export interface RecordedDrop extends Drop {
  readonly dropId: string
  readonly occurredAt: Date
  readonly resolvedAt?: Date
  readonly resolvedIndex?: number
}

const REASON_CHARACTERS_MAX = 500
const RESOLVED_MAX = 1_000

/** Records a drop; one that is known adds its attempts. Says whether it is new. */
export async function upsertDrop(
  trx: Knex.Transaction,
  drop: Drop & { dropId: string; occurredAt: Date },
): Promise<boolean> {
  const answer = await trx.raw<{ rows: { is_new: boolean }[] }>(
    `insert into audit_chain_drops (drop_id, source, id, reason, attempts, payload_hash, occurred_at)
     values (?, ?, ?, ?, ?, ?, ?)
     on conflict (source, id, payload_hash)
       do update set attempts = audit_chain_drops.attempts + excluded.attempts
     returning xmax = 0 as is_new`,
    [
      drop.dropId,
      drop.source,
      drop.id ?? null,
      drop.reason.slice(0, REASON_CHARACTERS_MAX),
      drop.attempts,
      drop.payloadHash,
      drop.occurredAt,
    ],
  )
  return answer.rows[0]?.is_new === true
}

/** Records a conflict. False when it is on record already. */
export async function insertConflict(
  trx: Knex.Transaction,
  conflict: Conflict & { occurredAt: Date },
): Promise<boolean> {
  const answer = await trx.raw<{ rowCount: number }>(
    `insert into audit_chain_conflicts (source, id, sealed_hash, refused_hash, occurred_at)
     values (?, ?, ?, ?, ?) on conflict do nothing`,
    [conflict.source, conflict.id, conflict.sealed, conflict.refused, conflict.occurredAt],
  )
  return answer.rowCount === 1
}

/** Marks the open drops whose event was sealed after all, at most 1,000 of them. */
export async function resolveDrops(trx: Knex.Transaction, resolvedAt: Date): Promise<void> {
  await trx.raw(
    `update audit_chain_drops set resolved_at = ?, resolved_index = sealed.log_index
       from (select open.drop_id, key.log_index from audit_chain_drops open
               join event_keys key on key.source = open.source and key.id = open.id
              where open.resolved_at is null limit ?) sealed
      where audit_chain_drops.drop_id = sealed.drop_id`,
    [resolvedAt, RESOLVED_MAX],
  )
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

/** Lists drops, newest first. */
export async function listDrops(
  trx: Knex.Transaction,
  { limit }: { limit: number },
): Promise<RecordedDrop[]> {
  const rows = await trx<DropRow>('audit_chain_drops')
    .orderBy('occurred_at', 'desc')
    .orderBy('drop_id', 'desc')
    .limit(limit)
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
