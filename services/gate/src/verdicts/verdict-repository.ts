import type { Verdict } from '@mumega/contracts/gate'
import type { GivenVerdict } from '@mumega/contracts/gate-review'
import type { Knex } from '@mumega/db'
import { columnsOf, type IterationKey } from '../sprints/track-repository.ts'

interface VerdictRow {
  tenant_id: string
  sprint_id: string
  track_id: string
  iteration: number
  number: number
  commit_hash: string
  verdict: Verdict
  principal_id: string
  note: string
  sha256: Buffer
  findings: number
  given_at: Date
}

/** Of an iteration, the oldest first. */
export async function listVerdicts(
  trx: Knex.Transaction,
  key: IterationKey,
): Promise<GivenVerdict[]> {
  return (await rowsOf(trx, key)).map((row) => ({
    sprintId: row.sprint_id,
    trackId: row.track_id,
    iteration: row.iteration,
    commit: row.commit_hash,
    verdict: row.verdict,
    principal: row.principal_id,
    sha256: row.sha256.toString('hex'),
    note: row.note,
    at: row.given_at.toISOString(),
  }))
}

/** The last one of an iteration, with how many findings its track had then. */
export async function findLastVerdict(
  trx: Knex.Transaction,
  key: IterationKey,
): Promise<{ verdict: Verdict; findings: number } | undefined> {
  const last = (await rowsOf(trx, key)).at(-1)
  return last && { verdict: last.verdict, findings: last.findings }
}

/** Needs the track's lock. */
export async function insertVerdict(
  trx: Knex.Transaction,
  { number, ...verdict }: GivenVerdict & { number: number },
  more: { tenantId: string; keyNumber: number; judged: string; findings: number; by: string },
): Promise<void> {
  const { tenantId, keyNumber, judged, findings, by } = more
  await trx('verdicts').insert({
    ...{ ...columnsOf({ ...verdict, tenantId }), iteration: verdict.iteration, number },
    ...{ commit_hash: verdict.commit, verdict: verdict.verdict, note: verdict.note },
    ...{ principal_id: verdict.principal, key_number: keyNumber, judged: Buffer.from(judged) },
    ...{ findings, given_at: verdict.at, brought_by: by },
  })
}

function rowsOf(trx: Knex.Transaction, key: IterationKey): Promise<VerdictRow[]> {
  return trx<VerdictRow>('verdicts')
    .where({ ...columnsOf(key), iteration: key.iteration })
    .orderBy('number')
    .select(
      ...(['sprint_id', 'track_id', 'iteration', 'number', 'commit_hash', 'verdict'] as const),
      ...(['principal_id', 'note', 'sha256', 'findings', 'given_at'] as const),
    )
}
