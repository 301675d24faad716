import type { ObjectiveContent } from '@mumega/contracts/objective-content'
import type { ObjectiveState } from '@mumega/contracts/objectives'
import type { Knex } from '@mumega/db'
import { takeLock } from '@mumega/db/named-lock'

/** Names one objective of a tenant. */
export interface ObjectiveKey {
  readonly tenantId: string
  readonly objectiveId: string
}

export interface VersionKey extends ObjectiveKey {
  readonly version: number
}

export interface StoredVersion {
  readonly objectiveId: string
  readonly version: number
  readonly state: ObjectiveState
  readonly content: ObjectiveContent
  /** Lower-case hex. */
  readonly sha256: string
  readonly createdAt: Date
  readonly createdBy: string
  /** How many objections were put to it. */
  readonly objections: number
}

export interface VersionRow {
  tenant_id: string
  objective_id: string
  version: number
  state: ObjectiveState
  content: Buffer
  sha256: Buffer
  created_at: Date
  created_by: string
  objections: number
}

/** Which objectives a tenant has, and whose parents they are, stays as it is until `trx` ends. */
export async function lockTree(trx: Knex.Transaction, tenantId: string): Promise<void> {
  await takeLock(trx, `objectives/${tenantId}`)
}

/** Each objective of a tenant with its parent, as it counts now. Needs `lockTree`. */
export async function readTree(
  trx: Knex.Transaction,
  tenantId: string,
): Promise<Map<string, string | undefined>> {
  const found = await trx.raw<{ rows: { objective_id: string; parent_id: string | null }[] }>(
    `select v.objective_id, v.parent_id
       from objectives o
       join objective_versions v on v.tenant_id = o.tenant_id
        and v.objective_id = o.objective_id and v.version = o.shown_version
      where o.tenant_id = ?`,
    [tenantId],
  )
  return new Map(found.rows.map((row) => [row.objective_id, row.parent_id ?? undefined]))
}

export async function insertObjective(
  trx: Knex.Transaction,
  { tenantId, objectiveId }: ObjectiveKey,
): Promise<void> {
  await trx('objectives').insert({ tenant_id: tenantId, objective_id: objectiveId })
}

/** Its newest version; the objective stays as it is until `trx` ends. */
export async function lockObjective(
  trx: Knex.Transaction,
  { tenantId, objectiveId }: ObjectiveKey,
): Promise<number | undefined> {
  const found = await trx.raw<{ rows: { newest_version: number }[] }>(
    `select newest_version from objectives where tenant_id = ? and objective_id = ?
        for no key update`,
    [tenantId, objectiveId],
  )
  return found.rows.map((row) => row.newest_version)[0]
}

interface Versions {
  newest: number
  /** The one that counts, or counted last; the newest where none ever did. */
  shown: number
  /** The one that counts. */
  ratified: number | undefined
}

export async function findVersions(
  trx: Knex.Transaction,
  { tenantId, objectiveId }: ObjectiveKey,
): Promise<Versions | undefined> {
  const found = await trx.raw<{
    rows: { newest_version: number; shown_version: number; version: number | null }[]
  }>(
    `select o.newest_version, o.shown_version, v.version
       from objectives o
       left join objective_versions v on v.tenant_id = o.tenant_id
        and v.objective_id = o.objective_id and v.state = 'ratified'
      where o.tenant_id = ? and o.objective_id = ?`,
    [tenantId, objectiveId],
  )
  return found.rows.map((row) => ({
    newest: row.newest_version,
    shown: row.shown_version,
    ratified: row.version ?? undefined,
  }))[0]
}

export interface NewVersion extends VersionKey {
  readonly content: ObjectiveContent
  /** The content's bytes. */
  readonly text: string
  readonly at: Date
  readonly by: string
}

/** Adds the objective's newest version, a draft. Needs the objective's lock. */
export async function insertVersion(trx: Knex.Transaction, added: NewVersion): Promise<void> {
  const { tenantId, objectiveId, version, content, at, by } = added
  await trx.raw(
    `update objectives o
        set newest_version = :version,
            shown_version = case when v.state in ('ratified', 'retired')
                                 then o.shown_version else :version end
       from (select o.tenant_id, o.objective_id, v.state
               from objectives o
               left join objective_versions v on v.tenant_id = o.tenant_id
                and v.objective_id = o.objective_id and v.version = o.shown_version
              where o.tenant_id = :tenantId and o.objective_id = :objectiveId) v
      where o.tenant_id = v.tenant_id and o.objective_id = v.objective_id`,
    { version, tenantId, objectiveId },
  )
  await trx('objective_versions').insert({
    ...{ tenant_id: tenantId, objective_id: objectiveId, version },
    ...{ content: Buffer.from(added.text), created_at: at, created_by: by },
    parent_id: content.parentId ?? null,
    owner: content.owner,
    tags: content.tags ?? [],
  })
  await insertChange(trx, { ...added, from: undefined, to: 'draft' })
}

export async function findVersion(
  trx: Knex.Transaction,
  { tenantId, objectiveId, version }: VersionKey,
): Promise<StoredVersion | undefined> {
  const rows = await trx<VersionRow>('objective_versions')
    .where({ tenant_id: tenantId, objective_id: objectiveId, version })
    .select()
  return rows.map(versionOf)[0]
}

/** The version that is drafted or proposed, or the one that counts. */
export async function findVersionIn(
  trx: Knex.Transaction,
  { tenantId, objectiveId }: ObjectiveKey,
  states: readonly ObjectiveState[],
): Promise<StoredVersion | undefined> {
  const rows = await trx<VersionRow>('objective_versions')
    .where({ tenant_id: tenantId, objective_id: objectiveId })
    .whereIn('state', states)
    .select()
  return rows.map(versionOf)[0]
}

export interface StateChange extends VersionKey {
  readonly from: ObjectiveState | undefined
  readonly to: ObjectiveState
  readonly by: string
  readonly at: Date
}

/** Needs the objective's lock. */
export async function changeState(trx: Knex.Transaction, change: StateChange): Promise<void> {
  const { tenantId, objectiveId, version, to } = change
  await trx('objective_versions')
    .where({ tenant_id: tenantId, objective_id: objectiveId, version })
    .update({ state: to })
  if (to === 'ratified') {
    await trx('objectives')
      .where({ tenant_id: tenantId, objective_id: objectiveId })
      .update({ shown_version: version })
  }
  await insertChange(trx, change)
}

async function insertChange(trx: Knex.Transaction, change: StateChange): Promise<void> {
  await trx('objective_changes').insert({
    tenant_id: change.tenantId,
    objective_id: change.objectiveId,
    version: change.version,
    was: change.from ?? null,
    became: change.to,
    changed_by: change.by,
    changed_at: change.at,
  })
}

/** Of a version that is ratified. */
export async function insertKeyResults(
  trx: Knex.Transaction,
  { tenantId, objectiveId, version }: VersionKey,
  { keyResults }: ObjectiveContent,
): Promise<void> {
  await trx('key_results').insert(
    keyResults.map((keyResult) => ({
      ...{ tenant_id: tenantId, objective_id: objectiveId, version },
      key_result_id: keyResult.keyResultId,
      definition: JSON.stringify(keyResult),
    })),
  )
}

export function versionOf(row: VersionRow): StoredVersion {
  return {
    objectiveId: row.objective_id,
    version: row.version,
    state: row.state,
    // Written by `contentTextOf` of what the contract had let through.
    content: JSON.parse(row.content.toString()) as ObjectiveContent,
    sha256: row.sha256.toString('hex'),
    createdAt: row.created_at,
    createdBy: row.created_by,
    objections: row.objections,
  }
}
