import type { Carry, Finding, Fix } from '@mumega/contracts/gate-review'
import type { Knex } from '@mumega/db'
import type { Static } from 'typebox'
import { columnsOf, type TrackKey } from '../sprints/track-repository.ts'

export interface FindingKey extends TrackKey {
  readonly number: number
}

interface FindingRow {
  number: number
  iteration: number
  commit_hash: string
  arm: Finding['arm']
  severity: Finding['severity']
  title: string
  tests: string | null
  reproduced: string
  shape_id: string | null
  post_green: boolean
  found_by: string
  found_at: Date
  fix_commit: string | null
  arrives_in: number | null
  test: string | null
  before_commit: string | null
  before_output: string | null
  before_sha256: string | null
  after_output: string | null
  after_sha256: string | null
  carried_to: string | null
  closed_by: string | null
  closed_at: Date | null
}

/** By their numbers. */
export async function listFindings(
  trx: Knex.Transaction,
  page: TrackKey & { after: number; limit: number },
): Promise<Finding[]> {
  const { tenantId, sprintId, trackId, after, limit } = page
  const found = await trx.raw<{ rows: FindingRow[] }>(
    `select f.*, c.commit_hash as fix_commit, c.arrives_in, c.test, c.before_commit,
            c.before_output, c.before_sha256, c.after_output, c.after_sha256, c.carried_to,
            c.closed_by, c.closed_at
       from findings f
       left join closings c using (tenant_id, sprint_id, track_id, number)
      where f.tenant_id = ? and f.sprint_id = ? and f.track_id = ? and f.number > ?
      order by f.number limit ?`,
    [tenantId, sprintId, trackId, after, limit],
  )
  return found.rows.map(findingOf)
}

export async function findFinding(
  trx: Knex.Transaction,
  { number, ...key }: FindingKey,
): Promise<Finding | undefined> {
  const [found] = await listFindings(trx, { ...key, after: number - 1, limit: 1 })
  return found?.number === number ? found : undefined
}

/** How many a track has of each room. */
export async function countFindings(
  trx: Knex.Transaction,
  key: TrackKey,
): Promise<{ blocks: number; blocksBeforeGreen: number; others: number }> {
  const found = await trx.raw<{ rows: { blocks: string; early: string; others: string }[] }>(
    `select count(*) filter (where severity like 'BLOCK-%') as blocks,
            count(*) filter (where severity like 'BLOCK-%' and not post_green) as early,
            count(*) filter (where severity not like 'BLOCK-%') as others
       from findings where tenant_id = ? and sprint_id = ? and track_id = ?`,
    [key.tenantId, key.sprintId, key.trackId],
  )
  const [row] = found.rows
  return {
    blocks: Number(row?.blocks),
    blocksBeforeGreen: Number(row?.early),
    others: Number(row?.others),
  }
}

export type NewFinding = Pick<
  Finding,
  'number' | 'iteration' | 'arm' | 'severity' | 'title' | 'evidence' | 'shape' | 'by'
> & { readonly at: Date }

/** Adds the track's next finding. Needs the track's lock. */
export async function insertFinding(
  trx: Knex.Transaction,
  key: TrackKey,
  { number, iteration, evidence, ...finding }: NewFinding,
): Promise<void> {
  await trx('findings').insert({
    ...{ ...columnsOf(key), number, iteration, commit_hash: evidence.commit },
    ...{ arm: finding.arm, severity: finding.severity, title: finding.title },
    tests: evidence.tests ?? null,
    reproduced: evidence.reproduced,
    shape_id: finding.shape ?? null,
    ...{ found_by: finding.by, found_at: finding.at },
  })
  await trx('tracks').where(columnsOf(key)).update({ findings: number })
}

/** Needs the track's lock, and that the finding is open. */
export async function insertFix(
  trx: Knex.Transaction,
  key: FindingKey,
  fix: Static<typeof Fix>,
): Promise<void> {
  const { failedBefore: before, passesAfter: after } = fix
  await trx('closings').insert({
    ...{ ...columnsOf(key), number: key.number },
    ...{ commit_hash: fix.commit, arrives_in: fix.arrivesIn, test: fix.test },
    before_commit: before.commit,
    before_output: before.output ?? null,
    before_sha256: before.outputSha256 ?? null,
    after_output: after.output ?? null,
    after_sha256: after.outputSha256 ?? null,
    ...{ closed_by: fix.by, closed_at: fix.at },
  })
}

/** Needs the track's lock, and that the finding is open. */
export async function insertCarry(
  trx: Knex.Transaction,
  key: FindingKey,
  { to, by, at }: Static<typeof Carry>,
): Promise<void> {
  await trx('closings').insert({
    ...{ ...columnsOf(key), number: key.number, carried_to: to, closed_by: by, closed_at: at },
  })
}

function findingOf(row: FindingRow): Finding {
  const [fix, carry] = [fixOf(row), carryOf(row)]
  return {
    number: row.number,
    iteration: row.iteration,
    arm: row.arm,
    severity: row.severity,
    title: row.title,
    evidence: {
      commit: row.commit_hash,
      ...(row.tests !== null && { tests: row.tests }),
      reproduced: row.reproduced,
    },
    ...(row.shape_id !== null && { shape: row.shape_id }),
    state: fix !== undefined ? 'fixed' : carry !== undefined ? 'carried' : 'open',
    postGreen: row.post_green,
    by: row.found_by,
    at: row.found_at.toISOString(),
    ...(fix !== undefined && { fix }),
    ...(carry !== undefined && { carry }),
  }
}

function fixOf(row: FindingRow): Static<typeof Fix> | undefined {
  const { fix_commit: commit, arrives_in: arrivesIn, test, before_commit: before } = row
  if (commit === null || arrivesIn === null || test === null || before === null) return undefined
  return {
    ...{ commit, test, arrivesIn },
    failedBefore: { commit: before, ...outputOf(row.before_output, row.before_sha256) },
    passesAfter: outputOf(row.after_output, row.after_sha256),
    ...closedOf(row),
  }
}

function outputOf(output: string | null, outputSha256: string | null) {
  return {
    ...(output !== null && { output }),
    ...(outputSha256 !== null && { outputSha256 }),
  }
}

function carryOf(row: FindingRow): Static<typeof Carry> | undefined {
  return row.carried_to === null ? undefined : { to: row.carried_to, ...closedOf(row) }
}

function closedOf({ closed_by: by, closed_at: at }: FindingRow): { by: string; at: string } {
  if (by === null || at === null) throw new Error('a finding is closed by nobody')
  return { by, at: at.toISOString() }
}
