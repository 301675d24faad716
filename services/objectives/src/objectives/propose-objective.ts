import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  OBJECTIONS_MAX,
  OBJECTIONS_OF_ONE_MAX,
  objectiveObjected,
  objectiveProposed,
  type objectToObjective,
  type proposeObjective,
} from '@mumega/contracts/objectives'
import { REASON_BYTES_MAX } from '@mumega/contracts/principals'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, unchanged } from '@mumega/db/act'
import { tooManyObjections, wrongState } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { checkText } from '../text.ts'
import { countObjectionsOf, insertObjection } from './decision-repository.ts'
import { describeObjective } from './describe-objective.ts'
import { lockVersion } from './lock-version.ts'
import { changeState } from './objective-repository.ts'

/**
 * Proposes a draft; what is proposed already is left as it is.
 *
 * @throws objectives.objective-not-found, objectives.wrong-state
 */
export async function handleProposeObjective(
  { db, clock }: Objectives,
  context: CallContext,
  { requestId, objectiveId, version }: RequestOf<typeof proposeObjective>,
): Promise<ReplyOf<typeof proposeObjective>> {
  const { tenantId, actor } = context
  const key = { tenantId, objectiveId, version }
  const content = { actor, objectiveId, version }
  const request = { requestId, command: 'propose-objective', content }
  return act(db, { context, clock, request }, async (trx) => {
    const { state, sha256 } = await lockVersion(trx, key)
    if (state === 'proposed') return unchanged(await describeObjective(trx, key, version))
    if (state !== 'draft') throw wrongState({ state, needed: 'draft' })
    const [by, at] = [actor.id, clock.now()]
    await changeState(trx, { ...key, from: state, to: 'proposed', by, at })
    return {
      reply: await describeObjective(trx, key, version),
      audit: [
        {
          action: 'objective.proposed',
          target: `objective:${objectiveId}`,
          payload: { version, sha256 },
        },
      ],
      events: [outgoing(objectiveProposed, { tenantId, objectiveId, version })],
    }
  })
}

/**
 * Puts an objection to a proposed version. It stops nobody; but no signature counts that does not
 * say how many there are.
 *
 * @throws objectives.objective-not-found, .wrong-state, .too-many-objections, .text-too-large,
 * .invalid-text
 */
export async function handleObjectToObjective(
  { db, clock }: Objectives,
  context: CallContext,
  { requestId, objectiveId, version, reason }: RequestOf<typeof objectToObjective>,
): Promise<ReplyOf<typeof objectToObjective>> {
  checkText('reason', reason, REASON_BYTES_MAX)
  const { tenantId, actor } = context
  const key = { tenantId, objectiveId, version }
  const content = { actor, objectiveId, version, reason }
  const request = { requestId, command: 'object-to-objective', content }
  return act(db, { context, clock, request }, async (trx) => {
    const { state, objections } = await lockVersion(trx, key)
    if (state !== 'proposed') throw wrongState({ state, needed: 'proposed' })
    const own = await countObjectionsOf(trx, key, actor.id)
    if (own >= OBJECTIONS_OF_ONE_MAX) throw tooManyObjections('one', OBJECTIONS_OF_ONE_MAX)
    if (objections >= OBJECTIONS_MAX) throw tooManyObjections('all', OBJECTIONS_MAX)
    const number = objections + 1
    await insertObjection(trx, key, { number, by: actor.id, at: clock.now(), reason })
    return {
      reply: await describeObjective(trx, key, version),
      audit: [
        {
          action: 'objective.objected',
          target: `objective:${objectiveId}`,
          payload: { version, number, reason },
        },
      ],
      events: [outgoing(objectiveObjected, { tenantId, objectiveId, version })],
    }
  })
}
