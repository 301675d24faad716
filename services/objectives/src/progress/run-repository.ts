import type { ProgressRun } from '@mumega/contracts/progress'
import type { Knex } from '@mumega/db'

/** Names the run of a tenant's day. */
export interface RunKey {
  readonly tenantId: string
  readonly day: string
}

export interface StoredRun extends RunKey {
  readonly asOf: Date
  readonly timeZone: string
  readonly state: ProgressRun['state']
  readonly skippedDays: number
  /** The statement of who asked for it out of turn. */
  readonly asked?: { readonly by: string; readonly keyNumber: number; readonly note: string }
  /** When it was decided which key results it is about. */
  readonly begunAt: Date | undefined
  readonly createdAt: Date
  readonly completedAt: Date | undefined
  readonly keyResults: number
}

export type NewRun = Pick<
  StoredRun,
  'tenantId' | 'day' | 'asOf' | 'timeZone' | 'skippedDays' | 'asked' | 'createdAt'
>

interface RunRow {
  tenant_id: string
  day: string
  as_of: Date
  time_zone: string
  state: ProgressRun['state']
  skipped_days: number
  principal_id: string | null
  key_number: number | null
  note: string | null
  begun_at: Date | null
  created_at: Date
  completed_at: Date | null
  key_results: string
}

const SELECT_RUNS = `
  select r.tenant_id, r.day::text as day, r.as_of, r.time_zone, r.state, r.skipped_days,
         r.principal_id, r.key_number, r.note, r.begun_at, r.created_at, r.completed_at,
         (select count(*) from progress p where p.tenant_id = r.tenant_id and p.day = r.day)
           as key_results
    from progress_runs r`

/** False where the day has a run already. */
export async function insertRun(trx: Knex.Transaction, run: NewRun): Promise<boolean> {
  const inserted = await trx('progress_runs')
    .insert({
      ...{ tenant_id: run.tenantId, day: run.day, as_of: run.asOf, time_zone: run.timeZone },
      ...{ skipped_days: run.skippedDays, created_at: run.createdAt },
      principal_id: run.asked?.by ?? null,
      key_number: run.asked?.keyNumber ?? null,
      note: run.asked?.note ?? null,
    })
    .onConflict(['tenant_id', 'day'])
    .ignore()
    .returning('day')
  return inserted.length > 0
}

export async function findRun(
  trx: Knex.Transaction,
  { tenantId, day }: RunKey,
): Promise<StoredRun | undefined> {
  const found = await trx.raw<{ rows: RunRow[] }>(
    `${SELECT_RUNS} where r.tenant_id = ? and r.day = ?`,
    [tenantId, day],
  )
  return found.rows.map(runOf)[0]
}

/** Nobody else changes it until `trx` ends. */
export async function lockRun(trx: Knex.Transaction, key: RunKey): Promise<StoredRun | undefined> {
  await trx.raw(`select from progress_runs where tenant_id = ? and day = ? for no key update`, [
    key.tenantId,
    key.day,
  ])
  return findRun(trx, key)
}

/** The newest day first. */
export async function listRunsBefore(
  trx: Knex.Transaction,
  { tenantId, before, limit }: { tenantId: string; before: string | undefined; limit: number },
): Promise<StoredRun[]> {
  const found = await trx.raw<{ rows: RunRow[] }>(
    `${SELECT_RUNS}
      where r.tenant_id = ? and r.day < coalesce(?::date, 'infinity') order by r.day desc limit ?`,
    [tenantId, before ?? null, limit],
  )
  return found.rows.map(runOf)
}

/** The oldest run under way of each tenant after that one. Seen by the service only. */
export async function listOpenRuns(
  trx: Knex.Transaction,
  { after, limit }: { after: string; limit: number },
): Promise<RunKey[]> {
  const found = await trx.raw<{ rows: { tenant_id: string; day: string }[] }>(
    `select tenant_id, min(day)::text as day from progress_runs
      where state = 'running' and tenant_id > ? group by tenant_id order by tenant_id limit ?`,
    [after, limit],
  )
  return found.rows.map((row) => ({ tenantId: row.tenant_id, day: row.day }))
}

export async function markBegun(
  trx: Knex.Transaction,
  { tenantId, day, at }: RunKey & { at: Date },
): Promise<void> {
  await trx('progress_runs').where({ tenant_id: tenantId, day }).update({ begun_at: at })
}

export async function markDone(
  trx: Knex.Transaction,
  { tenantId, day, at }: RunKey & { at: Date },
): Promise<void> {
  await trx('progress_runs')
    .where({ tenant_id: tenantId, day })
    .update({ state: 'done', completed_at: at })
}

/** Whoever was first has said it. */
export async function insertCutoff(
  trx: Knex.Transaction,
  { tenantId, day, source, number }: RunKey & { source: string; number: string },
): Promise<void> {
  await trx('progress_cutoffs')
    .insert({ tenant_id: tenantId, day, source_tenant_id: source, engram_number: number })
    .onConflict(['tenant_id', 'day', 'source_tenant_id'])
    .ignore()
}

export async function findCutoff(
  trx: Knex.Transaction,
  { tenantId, day, source }: RunKey & { source: string },
): Promise<string | undefined> {
  const found = await trx.raw<{ rows: { engram_number: string }[] }>(
    `select engram_number from progress_cutoffs
      where tenant_id = ? and day = ? and source_tenant_id = ?`,
    [tenantId, day, source],
  )
  return found.rows[0]?.engram_number
}

function runOf(row: RunRow): StoredRun {
  const { principal_id: by, key_number: keyNumber, note } = row
  return {
    ...{ tenantId: row.tenant_id, day: row.day, asOf: row.as_of, timeZone: row.time_zone },
    ...{ state: row.state, skippedDays: row.skipped_days, createdAt: row.created_at },
    begunAt: row.begun_at ?? undefined,
    completedAt: row.completed_at ?? undefined,
    keyResults: Number(row.key_results),
    ...(by !== null && keyNumber !== null && note !== null && { asked: { by, keyNumber, note } }),
  }
}
