import type { KeyResult, ObjectiveContent } from '@mumega/contracts/objective-content'
import { FORMULAS_VERSION, GRACE_DAYS, type Standing } from '@mumega/contracts/progress'
import type { Knex } from '@mumega/db'
import type { Computed } from './formula.ts'
import type { RunKey, StoredRun } from './run-repository.ts'
import type { Judged } from './standing.ts'

/** A key result that a run is about. */
export interface Pending {
  readonly objectiveId: string
  readonly keyResult: KeyResult
  readonly period: ObjectiveContent['period']
}

export interface StoredProgress extends Judged, Omit<Computed, 'newestAtMs'> {
  readonly objectiveId: string
  readonly version: number
  readonly keyResult: KeyResult
  readonly formulasVersion: number
}

/**
 * What a run is about, for good: the key results of what counted at that time, whatever counts
 * now, and whose period has begun and is not over for too long.
 */
export async function insertPending(trx: Knex.Transaction, run: StoredRun): Promise<void> {
  await trx.raw(
    `insert into progress (tenant_id, day, objective_id, key_result_id, version)
     select k.tenant_id, :day, k.objective_id, k.key_result_id, k.version
       from objective_versions v
       join key_results k using (tenant_id, objective_id, version)
       join ratifications r using (tenant_id, objective_id, version)
      cross join lateral (select convert_from(v.content, 'UTF8')::json -> 'period' as period) c
      where v.tenant_id = :tenantId
        and r.decision = 'ratify' and r.decided_at <= :asOf
        and not exists (
          select from objective_changes o
           where o.tenant_id = v.tenant_id and o.objective_id = v.objective_id
             and o.version = v.version and o.became in ('superseded', 'retired')
             and o.changed_at <= :asOf)
        and (c.period ->> 'from')::date <= :day::date
        and (c.period ->> 'to')::date >= :day::date - ${GRACE_DAYS}`,
    { tenantId: run.tenantId, day: run.day, asOf: run.asOf },
  )
}

/** Those without a value yet, in one order. */
export async function listPending(
  trx: Knex.Transaction,
  { tenantId, day, limit }: RunKey & { limit: number },
): Promise<Pending[]> {
  const found = await trx.raw<{
    rows: { objective_id: string; definition: string; period: ObjectiveContent['period'] }[]
  }>(
    `select p.objective_id, k.definition, convert_from(v.content, 'UTF8')::json -> 'period' as period
       from progress p
       join key_results k using (tenant_id, objective_id, version, key_result_id)
       join objective_versions v using (tenant_id, objective_id, version)
      where p.tenant_id = ? and p.day = ? and p.computed_at is null
      order by p.objective_id, p.key_result_id limit ?`,
    [tenantId, day, limit],
  )
  return found.rows.map((row) => ({
    objectiveId: row.objective_id,
    keyResult: definitionOf(row.definition),
    period: row.period,
  }))
}

/** What a run made of a key result. */
export interface Result extends Judged, Computed {
  readonly objectiveId: string
  readonly keyResultId: string
}

/**
 * LOCK-OBJ-3: the only way of a value into the database. Gives how many of these had none before.
 */
export async function storeResults(
  trx: Knex.Transaction,
  { tenantId, day, at }: RunKey & { at: Date },
  results: readonly Result[],
): Promise<number> {
  const stored = await trx.raw<{ rowCount: number }>(
    `update progress p
        set computed_at = :at, formulas_version = ${FORMULAS_VERSION},
            value = r.value, progress = r.progress, forecast = r.forecast,
            confidence = r.confidence, standing = r.standing, engrams = r.engrams,
            newest = array(select jsonb_array_elements_text(r.newest)::uuid)
       from jsonb_to_recordset(:results) as r("objectiveId" uuid, "keyResultId" text,
              value double precision, progress double precision, forecast double precision,
              confidence text, standing text, engrams bigint, newest jsonb)
      where p.tenant_id = :tenantId and p.day = :day and p.computed_at is null
        and p.objective_id = r."objectiveId" and p.key_result_id = r."keyResultId"`,
    { tenantId, day, at, results: JSON.stringify(results) },
  )
  return stored.rowCount
}

/** How each key result of these stood on the last day before; absent where there was none. */
export async function standingsBefore(
  trx: Knex.Transaction,
  { tenantId, day }: RunKey,
  objectiveIds: readonly string[],
): Promise<Map<string, Standing>> {
  const found = await trx.raw<{
    rows: { objective_id: string; key_result_id: string; standing: Standing }[]
  }>(
    `select distinct on (objective_id, key_result_id) objective_id, key_result_id, standing
       from progress
      where tenant_id = ? and objective_id = any(?::uuid[]) and day < ?
        and computed_at is not null
      order by objective_id, key_result_id, day desc`,
    [tenantId, [...objectiveIds], day],
  )
  return new Map(
    found.rows.map((row) => [`${row.objective_id} ${row.key_result_id}`, row.standing]),
  )
}

interface ProgressRow {
  objective_id: string
  version: number
  definition: string
  value: number | null
  progress: number
  forecast: number | null
  confidence: Judged['confidence']
  standing: Standing
  engrams: string
  newest: string[]
  formulas_version: number
}

/** Of an objective on a day that is computed for it, by default the last one. */
export async function findProgress(
  trx: Knex.Transaction,
  {
    tenantId,
    objectiveId,
    day,
  }: { tenantId: string; objectiveId: string; day: string | undefined },
): Promise<
  | { day: string; asOf: Date; period: ObjectiveContent['period']; rows: StoredProgress[] }
  | undefined
> {
  const found = await trx.raw<{
    rows: (ProgressRow & { day: string; as_of: Date; period: ObjectiveContent['period'] })[]
  }>(
    `select p.*, p.day::text as day, r.as_of, k.definition,
            convert_from(v.content, 'UTF8')::json -> 'period' as period
       from progress p
       join progress_runs r using (tenant_id, day)
       join key_results k using (tenant_id, objective_id, version, key_result_id)
       join objective_versions v using (tenant_id, objective_id, version)
      where p.tenant_id = :tenantId and p.objective_id = :objectiveId
        and p.day = coalesce(:day::date, (
          select max(l.day) from progress l
           where l.tenant_id = :tenantId and l.objective_id = :objectiveId
             and not exists (select from progress m
                              where m.tenant_id = l.tenant_id and m.objective_id = l.objective_id
                                and m.day = l.day and m.computed_at is null)))
      order by p.key_result_id`,
    { tenantId, objectiveId, day: day ?? null },
  )
  const [first] = found.rows
  // While its run is under way a part of it is no answer.
  if (first === undefined || found.rows.some((row) => row.standing === null)) return undefined
  return {
    day: first.day,
    asOf: first.as_of,
    period: first.period,
    rows: found.rows.map(progressOf),
  }
}

function progressOf(row: ProgressRow): StoredProgress {
  return {
    ...{ objectiveId: row.objective_id, version: row.version },
    keyResult: definitionOf(row.definition),
    ...{ progress: row.progress, confidence: row.confidence, standing: row.standing },
    ...{ engrams: Number(row.engrams), newest: row.newest, formulasVersion: row.formulas_version },
    ...(row.value !== null && { value: row.value }),
    ...(row.forecast !== null && { forecast: row.forecast }),
  }
}

function definitionOf(text: string): KeyResult {
  // Written by this service from what was ratified.
  return JSON.parse(text) as KeyResult
}
