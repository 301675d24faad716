import { createHash } from 'node:crypto'
import type { Judged } from '@mumega/contracts/gate-review'
import { FINDINGS_MAX } from '@mumega/contracts/gate-review'
import type { Knex } from '@mumega/db'
import { canonicalJson } from '@mumega/tlog/canonical'
import { iterationNotFound } from '../errors.ts'
import { listFindings } from '../review/finding-repository.ts'
import { listReports } from '../review/report-repository.ts'
import { findTrack, listIterations, type IterationKey } from '../sprints/track-repository.ts'

export interface ReadJudged {
  readonly judged: Judged
  /** Its bytes. */
  readonly text: string
  /** Lower-case hex. */
  readonly sha256: string
  readonly newestIteration: number
}

/**
 * Everything that a verdict on an iteration judges, as it stands now.
 *
 * @throws gate.iteration-not-found
 */
export async function readJudged(trx: Knex.Transaction, key: IterationKey): Promise<ReadJudged> {
  const { sprintId, trackId, iteration } = key
  const track = await findTrack(trx, key)
  const iterations = await listIterations(trx, key)
  const looked = iterations.find((one) => one.iteration === iteration)
  if (track === undefined || looked === undefined) throw iterationNotFound(iteration)
  const judged: Judged = {
    ...{ sprintId, trackId, iteration, commit: looked.commit, author: track.author },
    reports: await listReports(trx, key),
    findings: await listFindings(trx, { ...key, after: 0, limit: FINDINGS_MAX }),
  }
  const text = canonicalJson(judged)
  const sha256 = createHash('sha256').update(text).digest('hex')
  return { judged, text, sha256, newestIteration: track.newestIteration }
}
