import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  objectiveDeclined,
  objectiveRatified,
  objectiveRetired,
  objectiveSuperseded,
  RATIFIER,
  type decideObjective,
  type DecisionKind,
  type ObjectiveState,
} from '@mumega/contracts/objectives'
import { REASON_BYTES_MAX } from '@mumega/contracts/principals'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged, type OutgoingEvent } from '@mumega/db/act'
import { invalidObjective, wrongState } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { signingKeyOf } from '../principals/check-signature.ts'
import { startSchedule } from '../progress/schedule.ts'
import { checkText } from '../text.ts'
import { insertDecision, listDecisions } from './decision-repository.ts'
import { describeObjective, statementOf } from './describe-objective.ts'
import { lockVersion } from './lock-version.ts'
import {
  changeState,
  findVersionIn,
  insertKeyResults,
  lockTree,
  type StoredVersion,
  type VersionKey,
} from './objective-repository.ts'
import { checkParent } from './tree.ts'

interface Way {
  readonly from: ObjectiveState
  readonly to: ObjectiveState
  eventOf(key: VersionKey, stored: StoredVersion): OutgoingEvent
}

const WAYS: Readonly<Record<DecisionKind, Way>> = {
  ratify: {
    ...{ from: 'proposed', to: 'ratified' },
    eventOf: (key, { sha256 }) => outgoing(objectiveRatified, { ...key, sha256 }),
  },
  decline: {
    ...{ from: 'proposed', to: 'declined' },
    eventOf: (key) => outgoing(objectiveDeclined, key),
  },
  retire: {
    ...{ from: 'ratified', to: 'retired' },
    eventOf: (key) => outgoing(objectiveRetired, key),
  },
}

/**
 * Ratifies, declines or retires a version. LOCK-OBJ-1: whoever may call, and with whatever token,
 * only the ratifier's signature over this very version counts. LOCK-OBJ-4: by the same note a
 * second time nothing happens.
 *
 * @throws objectives.objective-not-found, .wrong-state, .invalid-objective, .text-too-large,
 * .invalid-text, .principal-not-found, .principal-suspended, .signature-invalid
 */
export async function handleDecideObjective(
  { db, clock }: Objectives,
  context: CallContext,
  order: RequestOf<typeof decideObjective>,
): Promise<ReplyOf<typeof decideObjective>> {
  const { requestId, objectiveId, version, decision, reason, note } = order
  checkReason(decision, reason)
  const { tenantId, actor } = context
  const key = { tenantId, objectiveId, version }
  const content = { actor, objectiveId, version, decision, reason, note }
  const request = { requestId, command: 'decide-objective', content }
  return act(db, { context, clock, request }, async (trx) => {
    await lockTree(trx, tenantId)
    const stored = await lockVersion(trx, key)
    const decided = await listDecisions(trx, key)
    if (decided.some((earlier) => earlier.decision === decision && earlier.note === note)) {
      return unchanged(await describeObjective(trx, key, version))
    }
    const { from, to, eventOf } = WAYS[decision]
    if (stored.state !== from) throw wrongState({ state: stored.state, needed: from })
    const expected = statementOf(key, stored, { decision, reason })
    const signedBy = await signingKeyOf(trx, { principalId: RATIFIER, text: expected, note })
    const at = clock.now()
    const before = decision === 'ratify' ? await takePlace(trx, key, { stored, at }) : undefined
    await insertDecision(trx, key, {
      ...{ decision, principalId: RATIFIER, keyNumber: signedBy.number, reason, note, at },
    })
    await changeState(trx, { ...key, from, to, by: RATIFIER, at })
    return {
      reply: await describeObjective(trx, key, version),
      audit: [
        {
          action: `objective.${to}`,
          target: `objective:${objectiveId}`,
          // Who brought it is the actor; whose act it is has signed.
          payload: { version, sha256: stored.sha256, principal: RATIFIER, note },
        },
      ],
      events: [
        ...(before === undefined ? [] : [outgoing(objectiveSuperseded, before)]),
        eventOf(key, stored),
      ],
    }
  })
}

function checkReason(decision: DecisionKind, reason: string | undefined): void {
  if (decision === 'ratify') {
    if (reason !== undefined) throw invalidObjective('reason', 'is not asked for to ratify')
    return
  }
  if (reason === undefined) throw invalidObjective('reason', `is needed to ${decision}`)
  checkText('reason', reason, REASON_BYTES_MAX)
}

/** Makes a version the one that counts, instead of the one that did, which it gives. */
async function takePlace(
  trx: Knex.Transaction,
  key: VersionKey,
  { stored, at }: { stored: StoredVersion; at: Date },
): Promise<VersionKey | undefined> {
  // Again: others may have been ratified since it was drafted.
  await checkParent(trx, key, stored.content.parentId)
  const ratified = await findVersionIn(trx, key, ['ratified'])
  const before = ratified && { ...key, version: ratified.version }
  if (before !== undefined) {
    const change = { from: 'ratified', to: 'superseded', by: RATIFIER, at } as const
    await changeState(trx, { ...before, ...change })
  }
  await insertKeyResults(trx, key, stored.content)
  await startSchedule(trx, { tenantId: key.tenantId, at })
  return before
}
