import type { ObjectiveState } from '@mumega/contracts/objectives'
import type { Knex } from '@mumega/db'
import {
  versionOf,
  type ObjectiveKey,
  type StoredVersion,
  type VersionRow,
} from './objective-repository.ts'

export interface ListPage {
  readonly tenantId: string
  readonly after: string | undefined
  readonly limit: number
  readonly state: ObjectiveState | undefined
  readonly parentId: string | undefined
  readonly owner: string | undefined
  readonly tag: string | undefined
}

const SHOWN = `
  select v.*
    from objectives o
    join objective_versions v on v.tenant_id = o.tenant_id and v.objective_id = o.objective_id
     and v.version = o.shown_version
   where o.tenant_id = :tenantId and (:after::uuid is null or o.objective_id > :after)`
// The newest in this state of each; sorted as the index has them, so that a page reads no more.
const IN_STATE = `
  select distinct on (v.objective_id) v.*
    from objective_versions v
   where v.tenant_id = :tenantId and (:after::uuid is null or v.objective_id > :after)
     and v.state = :state
   order by v.objective_id, v.version desc`

/** Sorted by the objectives' ids, which are in the order of their creation. */
export async function listVersions(
  trx: Knex.Transaction,
  page: ListPage,
): Promise<StoredVersion[]> {
  const { tenantId, after, limit, state, parentId, owner, tag } = page
  const found = await trx.raw<{ rows: VersionRow[] }>(
    `select * from (${state === undefined ? SHOWN : IN_STATE}) listed
      where (:parentId::uuid is null or parent_id = :parentId)
        and (:owner::text is null or owner = :owner)
        and (:tag::text is null or tags @> array[:tag::text])
      order by objective_id limit :limit`,
    {
      ...{ tenantId, limit },
      after: after ?? null,
      ...(state !== undefined && { state }),
      parentId: parentId ?? null,
      owner: owner ?? null,
      tag: tag ?? null,
    },
  )
  return found.rows.map(versionOf)
}

export interface StoredChange {
  readonly number: number
  readonly version: number
  readonly from: ObjectiveState | undefined
  readonly to: ObjectiveState
  readonly by: string
  readonly at: Date
}

/** The newest first, before a number. */
export async function listChangesBefore(
  trx: Knex.Transaction,
  { tenantId, objectiveId, before, limit }: ObjectiveKey & { before: string; limit: number },
): Promise<StoredChange[]> {
  const rows = await trx<{
    tenant_id: string
    objective_id: string
    number: string
    version: number
    was: ObjectiveState | null
    became: ObjectiveState
    changed_by: string
    changed_at: Date
  }>('objective_changes')
    .where({ tenant_id: tenantId, objective_id: objectiveId })
    .where('number', '<', before)
    .orderBy('number', 'desc')
    .limit(limit)
    .select()
  return rows.map((row) => ({
    number: Number(row.number),
    version: row.version,
    from: row.was ?? undefined,
    to: row.became,
    by: row.changed_by,
    at: row.changed_at,
  }))
}
