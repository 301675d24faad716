import type { BriefedShape, Shape } from '@mumega/contracts/gate-shapes'
import type { Finding } from '@mumega/contracts/gate-review'
import type { Knex } from '@mumega/db'
import { takeLock } from '@mumega/db/named-lock'

export interface ShapeKey {
  readonly tenantId: string
  readonly shapeId: string
}

interface ShapeRow {
  tenant_id: string
  shape_id: string
  state: Shape['state']
  definition: string | null
  prevention: string | null
  surfaces: string[]
  checks: Shape['checks']
  historic: string[]
  note: string | null
  first_at: Date
  named_at: Date | null
  occurrences: string
}

const SELECT_SHAPES = `
  select s.*, cardinality(s.historic) + (
           select count(distinct (f.sprint_id, f.track_id, f.iteration)) from findings f
            where (f.tenant_id, f.shape_id) = (s.tenant_id, s.shape_id)) as occurrences
    from shapes s`

/** Which shapes a tenant has stays as it is until `trx` ends. */
export async function lockShapes(trx: Knex.Transaction, tenantId: string): Promise<void> {
  await takeLock(trx, `shapes/${tenantId}`)
}

export type NewShape = Omit<Shape, 'occurrences'>

/** Needs `lockShapes`, and that there is none of this id. */
export async function insertShape(
  trx: Knex.Transaction,
  tenantId: string,
  shape: NewShape,
): Promise<void> {
  await trx('shapes').insert({
    ...{ tenant_id: tenantId, shape_id: shape.shapeId, state: shape.state },
    ...{ definition: shape.definition ?? null, prevention: shape.prevention ?? null },
    ...{ surfaces: shape.surfaces, checks: JSON.stringify(shape.checks) },
    ...{ historic: shape.historic, note: shape.note ?? null },
    ...{ first_at: shape.firstAt, named_at: shape.namedAt ?? null },
  })
}

export async function findShape(
  trx: Knex.Transaction,
  { tenantId, shapeId }: ShapeKey,
): Promise<Shape | undefined> {
  const found = await trx.raw<{ rows: ShapeRow[] }>(
    `${SELECT_SHAPES} where s.tenant_id = ? and s.shape_id = ?`,
    [tenantId, shapeId],
  )
  return found.rows.map(shapeOf)[0]
}

/** As `findShape`; the shape stays as it is, and is found nowhere else, until `trx` ends. */
export async function lockShape(trx: Knex.Transaction, key: ShapeKey): Promise<Shape | undefined> {
  await trx.raw('select from shapes where tenant_id = ? and shape_id = ? for no key update', [
    key.tenantId,
    key.shapeId,
  ])
  // By a statement after it, which sees what was committed while it waited.
  return findShape(trx, key)
}

export type ShapeText = Pick<Shape, 'definition' | 'prevention' | 'surfaces' | 'checks'>

/** Needs the shape's lock. */
export async function updateShapeText(
  trx: Knex.Transaction,
  { tenantId, shapeId }: ShapeKey,
  { definition, prevention, surfaces, checks }: ShapeText,
): Promise<void> {
  await trx('shapes')
    .where({ tenant_id: tenantId, shape_id: shapeId })
    .update({
      ...{ definition: definition ?? null, prevention: prevention ?? null, surfaces },
      checks: JSON.stringify(checks),
    })
}

/** Needs the shape's lock. */
export async function nameShape(
  trx: Knex.Transaction,
  { tenantId, shapeId }: ShapeKey,
  at: Date,
): Promise<void> {
  await trx('shapes')
    .where({ tenant_id: tenantId, shape_id: shapeId })
    .update({ state: 'named', named_at: at })
}

/** Sorted by their ids; of a surface those of every surface, too. */
export async function listShapes(
  trx: Knex.Transaction,
  page: {
    tenantId: string
    limit: number
    after?: string | undefined
    state?: string
    surface?: string
    isDefined?: boolean
  },
): Promise<Shape[]> {
  const found = await trx.raw<{ rows: ShapeRow[] }>(
    `${SELECT_SHAPES}
      where s.tenant_id = :tenantId and (:after::text is null or s.shape_id > :after)
        and (:state::text is null or s.state = :state)
        and (not :isDefined or s.definition is not null)
        and (:surface::text is null or s.surfaces = '{}' or s.surfaces @> array[:surface::text])
      order by s.shape_id limit :limit`,
    {
      ...{ tenantId: page.tenantId, limit: page.limit, after: page.after ?? null },
      ...{ state: page.state ?? null, surface: page.surface ?? null },
      isDefined: page.isDefined ?? false,
    },
  )
  return found.rows.map(shapeOf)
}

type BriefedFinding = BriefedShape['findings'][number]

/** Of each shape the newest, at most `limit`. */
export async function listFindingsOf(
  trx: Knex.Transaction,
  { tenantId, shapeIds, limit }: { tenantId: string; shapeIds: string[]; limit: number },
): Promise<Map<string, BriefedFinding[]>> {
  const found = await trx.raw<{
    rows: {
      shape_id: string
      sprint_id: string
      track_id: string
      number: number
      iteration: number
      severity: Finding['severity']
      title: string
      found_at: Date
      state: Finding['state']
    }[]
  }>(
    `select f.*, case when c.number is null then 'open'
                      when c.carried_to is null then 'fixed' else 'carried' end as state
       from unnest(?::text[]) as asked (shape_id)
      cross join lateral (
            select f.* from findings f
             where f.tenant_id = ? and f.shape_id = asked.shape_id
             order by f.found_at desc, f.sprint_id, f.track_id, f.number limit ?) f
       left join closings c using (tenant_id, sprint_id, track_id, number)
      order by f.found_at desc, f.sprint_id, f.track_id, f.number`,
    [shapeIds, tenantId, limit],
  )
  const byShape = new Map<string, BriefedFinding[]>(shapeIds.map((shapeId) => [shapeId, []]))
  for (const row of found.rows) {
    byShape.get(row.shape_id)?.push({
      sprintId: row.sprint_id,
      trackId: row.track_id,
      number: row.number,
      iteration: row.iteration,
      severity: row.severity,
      title: row.title,
      state: row.state,
      at: row.found_at.toISOString(),
    })
  }
  return byShape
}

function shapeOf(row: ShapeRow): Shape {
  return {
    shapeId: row.shape_id,
    state: row.state,
    ...(row.definition !== null && { definition: row.definition }),
    ...(row.prevention !== null && { prevention: row.prevention }),
    surfaces: row.surfaces,
    checks: row.checks,
    occurrences: Number(row.occurrences),
    historic: row.historic,
    ...(row.note !== null && { note: row.note }),
    firstAt: row.first_at.toISOString(),
    ...(row.named_at !== null && { namedAt: row.named_at.toISOString() }),
  }
}
