import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { ITERATIONS_MAX, iterationSubmitted, type submitIteration } from '@mumega/contracts/gate'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing } from '@mumega/db/act'
import { commitSubmitted, limitReached, trackGreen, trackNotFound } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { findLastVerdict } from '../verdicts/verdict-repository.ts'
import { describeTrack } from './read-sprints.ts'
import { insertIteration, listIterations, lockTrack } from './track-repository.ts'

/** @throws gate.track-not-found, .commit-submitted, .track-green, .limit-reached */
export async function handleSubmitIteration(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, sprintId, trackId, commit }: RequestOf<typeof submitIteration>,
): Promise<ReplyOf<typeof submitIteration>> {
  const { tenantId, actor } = context
  const key = { tenantId, sprintId, trackId }
  const content = { actor, sprintId, trackId, commit }
  const request = { requestId, command: 'submit-iteration', content }
  return act(db, { context, clock, request }, async (trx) => {
    const track = await lockTrack(trx, key)
    if (track === undefined) throw trackNotFound(sprintId, trackId)
    const newest = track.newestIteration
    const same = (await listIterations(trx, key)).find((one) => one.commit === commit)
    if (same !== undefined) throw commitSubmitted(same.iteration)
    const last = await findLastVerdict(trx, { ...key, iteration: newest })
    if (last?.verdict === 'GREEN' && last.findings === track.findings) throw trackGreen(newest)
    if (newest >= ITERATIONS_MAX) throw limitReached('iterations of this track', ITERATIONS_MAX)
    const iteration = newest + 1
    await insertIteration(trx, { ...key, iteration }, { commit, by: actor.id, at: clock.now() })
    return {
      reply: await describeTrack(trx, key),
      audit: [
        {
          action: 'iteration.submitted',
          target: `track:${sprintId}/${trackId}`,
          payload: { iteration, commit },
        },
      ],
      events: [outgoing(iterationSubmitted, { ...key, iteration, commit })],
    }
  })
}
