import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { armReported, REPRODUCED_BYTES_MAX, type reportArm } from '@mumega/contracts/gate-review'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing } from '@mumega/db/act'
import { armReported as armHasReported, invalidField, ownWork } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { listWorkers } from '../sprints/track-repository.ts'
import { checkText } from '../text.ts'
import { lockIteration } from './lock-iteration.ts'
import { isOwnWork } from './people.ts'
import { insertReport, listReports } from './report-repository.ts'

/**
 * Takes an arm's report, once per iteration and of nobody's own work.
 *
 * @throws gate.iteration-not-found, .invalid-field, .other-commit, .own-work, .arm-reported,
 * .text-too-large, .invalid-text
 */
export async function handleReportArm(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, ...said }: RequestOf<typeof reportArm>,
): Promise<ReplyOf<typeof reportArm>> {
  const { sprintId, trackId, iteration, arm, commit, testsRun, testsPassed, how } = said
  checkText('how', how, REPRODUCED_BYTES_MAX)
  if (testsPassed > testsRun) throw invalidField('testsPassed', 'is more than were run')
  const { tenantId, actor } = context
  const key = { tenantId, sprintId, trackId, iteration }
  const request = { requestId, command: 'report-arm', content: { actor, ...said } }
  return act(db, { context, clock, request }, async (trx) => {
    const { track } = await lockIteration(trx, key, { field: 'commit', commit })
    const hands = { author: track.author, workers: await listWorkers(trx, key) }
    if (isOwnWork(hands, actor.id)) throw ownWork(actor.id)
    const reports = await listReports(trx, key)
    if (reports.some((report) => report.arm === arm)) throw armHasReported(arm)
    const at = clock.now().toISOString()
    const report = { arm, commit, testsRun, testsPassed, how, by: actor.id, at }
    await insertReport(trx, key, report)
    return {
      reply: report,
      audit: [
        {
          action: 'arm.reported',
          target: `track:${sprintId}/${trackId}`,
          payload: { iteration, arm, commit, testsRun, testsPassed, how },
        },
      ],
      events: [outgoing(armReported, { ...key, arm })],
    }
  })
}
