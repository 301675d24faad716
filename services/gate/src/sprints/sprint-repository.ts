import type { Sprint } from '@mumega/contracts/gate'
import type { Knex } from '@mumega/db'
import { takeLock } from '@mumega/db/named-lock'

interface SprintRow {
  tenant_id: string
  sprint_id: string
  origin: Sprint['origin']
  title: string
  note: string | null
  opened_by: string
  opened_at: Date
  incident_id: string | null
  trigger_name: string | null
  evidence: string[] | null
}

/** Which sprints a tenant has stays as it is until `trx` ends. */
export async function lockSprints(trx: Knex.Transaction, tenantId: string): Promise<void> {
  await takeLock(trx, `sprints/${tenantId}`)
}

/** False where there is one of this id. */
export async function insertSprint(trx: Knex.Transaction, sprint: Sprint): Promise<boolean> {
  const { trigger } = sprint
  const added = await trx.raw<{ rowCount: number }>(
    `insert into sprints (tenant_id, sprint_id, origin, title, note, opened_by, opened_at,
                          incident_id, trigger_name, evidence)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (tenant_id, sprint_id) do nothing`,
    [
      ...[sprint.tenantId, sprint.sprintId, sprint.origin, sprint.title, sprint.note ?? null],
      ...[sprint.openedBy, sprint.openedAt],
      ...[trigger?.incidentId ?? null, trigger?.name ?? null, trigger?.evidence ?? null],
    ],
  )
  return added.rowCount === 1
}

export async function findSprint(
  trx: Knex.Transaction,
  { tenantId, sprintId }: { tenantId: string; sprintId: string },
): Promise<Sprint | undefined> {
  const rows = await trx<SprintRow>('sprints')
    .where({ tenant_id: tenantId, sprint_id: sprintId })
    .select()
  return rows.map(sprintOf)[0]
}

/** Sorted by their ids. */
export async function listSprints(
  trx: Knex.Transaction,
  page: { tenantId: string; after?: string; origin?: string; limit: number },
): Promise<Sprint[]> {
  const found = await trx.raw<{ rows: SprintRow[] }>(
    `select * from sprints
      where tenant_id = :tenantId and (:after::text is null or sprint_id > :after)
        and (:origin::text is null or origin = :origin)
      order by sprint_id limit :limit`,
    {
      ...{ tenantId: page.tenantId, limit: page.limit },
      ...{ after: page.after ?? null, origin: page.origin ?? null },
    },
  )
  return found.rows.map(sprintOf)
}

function sprintOf(row: SprintRow): Sprint {
  const { incident_id: incidentId, trigger_name: name, evidence } = row
  const isTriggered = incidentId !== null && name !== null && evidence !== null
  return {
    tenantId: row.tenant_id,
    sprintId: row.sprint_id,
    origin: row.origin,
    title: row.title,
    ...(row.note !== null && { note: row.note }),
    openedBy: row.opened_by,
    openedAt: row.opened_at.toISOString(),
    ...(isTriggered && { trigger: { name, incidentId, evidence } }),
  }
}
