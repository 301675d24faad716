import type { Knex } from '@mumega/db'
import { iterationNotFound, otherCommit } from '../errors.ts'
import {
  listIterations,
  lockTrack,
  type IterationKey,
  type StoredIteration,
  type StoredTrack,
} from '../sprints/track-repository.ts'

/**
 * An iteration, to whose track nothing is added until `trx` ends, and who looks at it looks at its
 * commit.
 *
 * @throws gate.iteration-not-found, gate.other-commit
 */
export async function lockIteration(
  trx: Knex.Transaction,
  key: IterationKey,
  { field, commit }: { field: string; commit: string },
): Promise<{ track: StoredTrack; iteration: StoredIteration }> {
  const track = await lockTrack(trx, key)
  const iterations = track === undefined ? [] : await listIterations(trx, key)
  const iteration = iterations.find((one) => one.iteration === key.iteration)
  if (track === undefined || iteration === undefined) throw iterationNotFound(key.iteration)
  if (iteration.commit !== commit) throw otherCommit({ field, commit: iteration.commit })
  return { track, iteration }
}
