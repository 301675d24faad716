import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  BLOCKS_BEFORE_GREEN_MAX,
  BLOCKS_MAX,
  FINDING_TITLE_BYTES_MAX,
  findingRecorded,
  FINDINGS_MAX,
  OTHERS_MAX,
  REPRODUCED_BYTES_MAX,
  TESTS_BYTES_MAX,
  type Finding,
  type recordFinding,
} from '@mumega/contracts/gate-review'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing } from '@mumega/db/act'
import { limitReached } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { lockShapeFor, recordOccurrence } from '../shapes/occurrence.ts'
import type { TrackKey } from '../sprints/track-repository.ts'
import { checkText } from '../text.ts'
import { isBlock } from './close-finding.ts'
import { countFindings, findFinding, insertFinding } from './finding-repository.ts'
import { lockIteration } from './lock-iteration.ts'

/**
 * Records what was found in an iteration. It is there before a GREEN, which it then stops or which
 * has to sign it, or it comes after one and counts against the sprint: the database says which.
 *
 * @throws gate.iteration-not-found, .other-commit, .shape-incomplete, .limit-reached,
 * .text-too-large, .invalid-text
 */
export async function handleRecordFinding(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, ...said }: RequestOf<typeof recordFinding>,
): Promise<ReplyOf<typeof recordFinding>> {
  const { sprintId, trackId, iteration, ...found } = said
  const { arm, severity, title, evidence, shape } = found
  checkText('title', title, FINDING_TITLE_BYTES_MAX)
  checkText('evidence.tests', evidence.tests, TESTS_BYTES_MAX)
  checkText('evidence.reproduced', evidence.reproduced, REPRODUCED_BYTES_MAX)
  const { tenantId, actor } = context
  const key = { tenantId, sprintId, trackId, iteration }
  const request = { requestId, command: 'record-finding', content: { actor, ...said } }
  return act(db, { context, clock, request }, async (trx) => {
    const looked = { field: 'evidence.commit', commit: evidence.commit }
    const { track } = await lockIteration(trx, key, looked)
    const number = track.findings + 1
    if (number > FINDINGS_MAX) throw limitReached('findings of this track', FINDINGS_MAX)
    const at = clock.now()
    const known =
      shape === undefined ? undefined : await lockShapeFor(trx, { tenantId, shapeId: shape, at })
    await insertFinding(trx, key, { number, iteration, ...found, by: actor.id, at })
    const noted = known === undefined ? undefined : await recordOccurrence(trx, known, at)
    const finding = await findFinding(trx, { ...key, number })
    if (finding === undefined) throw new Error('a finding is gone that was recorded')
    const { postGreen } = finding
    await checkRoom(trx, key, finding)
    return {
      reply: finding,
      audit: [
        {
          action: 'finding.recorded',
          target: `track:${sprintId}/${trackId}`,
          payload: {
            ...{ number, iteration, arm, severity, title, evidence, postGreen },
            ...(shape !== undefined && { shape }),
          },
        },
        ...(noted?.audit ?? []),
      ],
      events: [
        outgoing(findingRecorded, { ...key, number, severity, postGreen }),
        ...(noted?.events ?? []),
      ],
    }
  })
}

/**
 * BLOCKs have room of their own, and those after a GREEN some of it: nobody keeps them out by
 * filling it with what matters less. Needs the track's lock; what does not fit is rolled back.
 */
async function checkRoom(
  trx: Knex.Transaction,
  key: TrackKey,
  { severity, postGreen }: Finding,
): Promise<void> {
  const { blocks, blocksBeforeGreen, others } = await countFindings(trx, key)
  if (!isBlock(severity)) {
    if (others > OTHERS_MAX) throw limitReached('WARNs and INFOs of this track', OTHERS_MAX)
  } else if (!postGreen && blocksBeforeGreen > BLOCKS_BEFORE_GREEN_MAX) {
    throw limitReached('BLOCKs of this track before a GREEN', BLOCKS_BEFORE_GREEN_MAX)
  } else if (blocks > BLOCKS_MAX) {
    throw limitReached('BLOCKs of this track', BLOCKS_MAX)
  }
}
