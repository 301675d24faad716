import type { Knex } from '@mumega/db'

export interface MirrorKey {
  readonly tenantId: string
  readonly engramId: string
}

/** One that is to be told, with the attempts so far. */
export interface Waiting extends MirrorKey {
  readonly attempts: number
}

const COUNTED_MAX = 10_000

export async function insertForMirror(trx: Knex.Transaction, key: MirrorKey): Promise<void> {
  await trx('mirror_outbox').insert({ tenant_id: key.tenantId, engram_id: key.engramId })
}

/**
 * Those that are due, of all tenants: it needs the substrate's context. Nobody else is given them
 * before `leaseMs` are over; a process that dies with them has let them go by then.
 */
export async function claimDue(
  trx: Knex.Transaction,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<Waiting[]> {
  const claimed = await trx.raw<{
    rows: { tenant_id: string; engram_id: string; attempts: number }[]
  }>(
    `update mirror_outbox set next_try_at = now() + :leaseMs * interval '1 millisecond'
      where (tenant_id, engram_id) in (
        select tenant_id, engram_id from mirror_outbox
         where dead_at is null and next_try_at <= now()
         order by next_try_at limit :limit for update skip locked)
      returning tenant_id, engram_id, attempts`,
    { limit, leaseMs },
  )
  return claimed.rows.map((row) => ({
    tenantId: row.tenant_id,
    engramId: row.engram_id,
    attempts: row.attempts,
  }))
}

/** The Mirror has it. */
export async function deleteTold(trx: Knex.Transaction, key: MirrorKey): Promise<void> {
  await trx('mirror_outbox').where(columnsOf(key)).delete()
}

/** One more attempt has failed; without `delayMs` it was the last. */
export async function updateFailed(
  trx: Knex.Transaction,
  key: MirrorKey,
  failed: { reason: string; delayMs: number | undefined },
): Promise<void> {
  const { reason, delayMs } = failed
  await trx('mirror_outbox')
    .where(columnsOf(key))
    .update({
      attempts: trx.raw('attempts + 1'),
      last_error: reason,
      ...(delayMs === undefined
        ? { dead_at: trx.fn.now() }
        : { next_try_at: trx.raw(`now() + ? * interval '1 millisecond'`, [delayMs]) }),
    })
}

/** Claimed, and not tried. */
export async function updateReleased(
  trx: Knex.Transaction,
  keys: readonly MirrorKey[],
): Promise<void> {
  if (keys.length === 0) return
  await trx('mirror_outbox')
    .whereIn(
      ['tenant_id', 'engram_id'],
      keys.map(({ tenantId, engramId }) => [tenantId, engramId]),
    )
    .update({ next_try_at: trx.fn.now() })
}

/** Of all tenants, each at most 10,000: it needs the substrate's context. */
export async function countWaiting(
  trx: Knex.Transaction,
): Promise<{ mirrorWaiting: number; mirrorDead: number }> {
  const counted = await trx.raw<{ rows: { waiting: number; dead: number }[] }>(
    `select (select count(*)::integer from (
              select from mirror_outbox where dead_at is null limit :most) w) as waiting,
            (select count(*)::integer from (
              select from mirror_outbox where dead_at is not null limit :most) d) as dead`,
    { most: COUNTED_MAX },
  )
  const [row] = counted.rows
  return { mirrorWaiting: row?.waiting ?? 0, mirrorDead: row?.dead ?? 0 }
}

function columnsOf({ tenantId, engramId }: MirrorKey) {
  return { tenant_id: tenantId, engram_id: engramId }
}
