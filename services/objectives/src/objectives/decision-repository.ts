import type { DecisionKind } from '@mumega/contracts/objectives'
import type { Knex } from '@mumega/db'
import type { VersionKey } from './objective-repository.ts'

export interface StoredDecision {
  readonly decision: DecisionKind
  readonly principalId: string
  readonly reason: string | undefined
  readonly note: string
  readonly at: Date
}

interface DecisionRow {
  decision: DecisionKind
  principal_id: string
  reason: string | null
  note: string
  decided_at: Date
}

/** What was decided of a version, the oldest first. */
export async function listDecisions(
  trx: Knex.Transaction,
  key: VersionKey,
): Promise<StoredDecision[]> {
  const rows = await trx<DecisionRow>('ratifications')
    .where(columnsOf(key))
    .orderBy('decided_at')
    .select()
  return rows.map((row) => ({
    decision: row.decision,
    principalId: row.principal_id,
    reason: row.reason ?? undefined,
    note: row.note,
    at: row.decided_at,
  }))
}

export async function insertDecision(
  trx: Knex.Transaction,
  key: VersionKey,
  { keyNumber, ...decided }: StoredDecision & { keyNumber: number },
): Promise<void> {
  await trx('ratifications').insert({
    ...columnsOf(key),
    decision: decided.decision,
    principal_id: decided.principalId,
    key_number: keyNumber,
    reason: decided.reason ?? null,
    note: decided.note,
    decided_at: decided.at,
  })
}

export interface StoredObjection {
  readonly number: number
  readonly by: string
  readonly at: Date
  readonly reason: string
}

/** The oldest first. */
export async function listObjections(
  trx: Knex.Transaction,
  key: VersionKey,
): Promise<StoredObjection[]> {
  const rows = await trx<{
    number: number
    objected_by: string
    objected_at: Date
    reason: string
  }>('objections')
    .where(columnsOf(key))
    .orderBy('number')
    .select()
  return rows.map((row) => ({
    number: row.number,
    by: row.objected_by,
    at: row.objected_at,
    reason: row.reason,
  }))
}

export async function countObjectionsOf(
  trx: Knex.Transaction,
  key: VersionKey,
  by: string,
): Promise<number> {
  const rows = await trx('objections')
    .where({ ...columnsOf(key), objected_by: by })
    .select('number')
  return rows.length
}

/** Needs the objective's lock, and that the version has one objection less. */
export async function insertObjection(
  trx: Knex.Transaction,
  key: VersionKey,
  { number, by, at, reason }: StoredObjection,
): Promise<void> {
  await trx('objections').insert({
    ...columnsOf(key),
    ...{ number, reason, objected_by: by, objected_at: at },
  })
  await trx('objective_versions').where(columnsOf(key)).update({ objections: number })
}

function columnsOf({ tenantId, objectiveId, version }: VersionKey) {
  return { tenant_id: tenantId, objective_id: objectiveId, version }
}
