import type { Knex } from '@mumega/db'
import type { Schedule } from './calendar.ts'

export interface StoredSchedule extends Schedule {
  readonly tenantId: string
  /** The next day whose run is due, and when. */
  readonly nextDay: string
  readonly nextRunAt: Date
}

interface ScheduleRow {
  tenant_id: string
  time_zone: string
  run_at: string
  next_day: string
  next_run_at: Date
}

const COLUMNS = `tenant_id, time_zone, run_at, next_day::text, next_run_at`

export async function findSchedule(
  trx: Knex.Transaction,
  tenantId: string,
): Promise<StoredSchedule | undefined> {
  const found = await trx.raw<{ rows: ScheduleRow[] }>(
    `select ${COLUMNS} from progress_schedules where tenant_id = ?`,
    [tenantId],
  )
  return found.rows.map(scheduleOf)[0]
}

/** Nobody else changes it until `trx` ends. */
export async function lockSchedule(
  trx: Knex.Transaction,
  tenantId: string,
): Promise<StoredSchedule | undefined> {
  const found = await trx.raw<{ rows: ScheduleRow[] }>(
    `select ${COLUMNS} from progress_schedules where tenant_id = ? for no key update`,
    [tenantId],
  )
  return found.rows.map(scheduleOf)[0]
}

/** Leaves one that is there as it is. */
export async function addSchedule(trx: Knex.Transaction, added: StoredSchedule): Promise<void> {
  await trx('progress_schedules').insert(rowOf(added)).onConflict('tenant_id').ignore()
}

export async function putSchedule(trx: Knex.Transaction, put: StoredSchedule): Promise<void> {
  await trx('progress_schedules').insert(rowOf(put)).onConflict('tenant_id').merge()
}

/** Of every tenant, the longest due first. Seen by the service only. */
export async function listDue(
  trx: Knex.Transaction,
  { now, limit }: { now: Date; limit: number },
): Promise<string[]> {
  const rows = await trx<ScheduleRow>('progress_schedules')
    .where('next_run_at', '<=', now)
    .orderBy('next_run_at')
    .limit(limit)
    .select('tenant_id')
  return rows.map((row) => row.tenant_id)
}

function rowOf({ tenantId, timeZone, runAt, nextDay, nextRunAt }: StoredSchedule): ScheduleRow {
  return {
    ...{ tenant_id: tenantId, time_zone: timeZone, run_at: runAt },
    ...{ next_day: nextDay, next_run_at: nextRunAt },
  }
}

function scheduleOf(row: ScheduleRow): StoredSchedule {
  return {
    tenantId: row.tenant_id,
    timeZone: row.time_zone,
    runAt: row.run_at,
    nextDay: row.next_day,
    nextRunAt: row.next_run_at,
  }
}
