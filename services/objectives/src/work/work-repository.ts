import type { Drift, WorkKind, WorkState } from '@mumega/contracts/work'
import type { Knex } from '@mumega/db'
import { judgedWork } from './drift-repository.ts'

export interface WorkKey {
  readonly tenantId: string
  readonly kind: WorkKind
  readonly workId: string
}

export interface SavedWork extends WorkKey {
  readonly title: string
  readonly state: WorkState
  readonly objectiveId: string | undefined
  readonly openedAt: Date
  readonly openedBy: string
  readonly changedAt: Date
  readonly changedBy: string
  readonly closedAt: Date | undefined
}

export interface StoredWork extends SavedWork {
  /** As of its end, or of the time that was asked for. */
  readonly drift: Drift | undefined
}

interface WorkRow {
  tenant_id: string
  kind: WorkKind
  work_id: string
  title: string
  state: WorkState
  objective_id: string | null
  opened_at: Date
  opened_by: string
  changed_at: Date
  changed_by: string
  closed_at: Date | null
  drift: Drift | null
}

export async function findWork(
  trx: Knex.Transaction,
  { tenantId, kind, workId, now }: WorkKey & { now: Date },
): Promise<StoredWork | undefined> {
  const found = await trx.raw<{ rows: WorkRow[] }>(
    `${judgedWork('w.kind = :kind and w.work_id = :workId')} select * from judged`,
    { tenantId, now, kind, workId },
  )
  return found.rows.map(workOf)[0]
}

export interface WorkPage {
  readonly tenantId: string
  readonly now: Date
  readonly limit: number
  readonly after: { readonly kind: WorkKind; readonly workId: string } | undefined
  readonly kind?: WorkKind | undefined
  readonly state?: WorkState | undefined
  readonly objectiveId?: string | undefined
  readonly drifting?: boolean | undefined
}

/** By kind and id. */
export async function listWorkAfter(trx: Knex.Transaction, page: WorkPage): Promise<StoredWork[]> {
  const { tenantId, now, limit, after, kind, state, objectiveId, drifting } = page
  const conditions = [
    ...(after === undefined ? [] : ['(w.kind, w.work_id) > (:afterKind, :afterId)']),
    ...(kind === undefined ? [] : ['w.kind = :kind']),
    ...(state === undefined ? [] : ['w.state = :state']),
    ...(objectiveId === undefined ? [] : ['w.objective_id = :objectiveId']),
  ]
  const found = await trx.raw<{ rows: WorkRow[] }>(
    `${judgedWork(conditions.join(' and ') || 'true')}
     select * from judged where :drifting::boolean is null or (drift is not null) = :drifting
      order by kind, work_id limit :limit`,
    {
      ...{ tenantId, now, limit },
      ...(after !== undefined && { afterKind: after.kind, afterId: after.workId }),
      ...(kind !== undefined && { kind }),
      ...(state !== undefined && { state }),
      ...(objectiveId !== undefined && { objectiveId }),
      drifting: drifting ?? null,
    },
  )
  return found.rows.map(workOf)
}

export async function saveWork(trx: Knex.Transaction, saved: SavedWork): Promise<void> {
  const changed = {
    ...{ title: saved.title, state: saved.state, objective_id: saved.objectiveId ?? null },
    ...{ changed_at: saved.changedAt, changed_by: saved.changedBy },
    closed_at: saved.closedAt ?? null,
  }
  await trx('work_items')
    .insert({
      ...{ tenant_id: saved.tenantId, kind: saved.kind, work_id: saved.workId, ...changed },
      ...{ opened_at: saved.openedAt, opened_by: saved.openedBy },
    })
    .onConflict(['tenant_id', 'kind', 'work_id'])
    .merge(Object.keys(changed))
}

function workOf(row: WorkRow): StoredWork {
  return {
    ...{ tenantId: row.tenant_id, kind: row.kind, workId: row.work_id },
    ...{ title: row.title, state: row.state, objectiveId: row.objective_id ?? undefined },
    ...{ openedAt: row.opened_at, openedBy: row.opened_by },
    ...{ changedAt: row.changed_at, changedBy: row.changed_by },
    closedAt: row.closed_at ?? undefined,
    drift: row.drift ?? undefined,
  }
}
