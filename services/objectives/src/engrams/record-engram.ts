import { createHash, randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  engramRecorded,
  ENGRAMS_MAX,
  type EngramContent,
  type recordEngram,
} from '@mumega/contracts/engrams'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing } from '@mumega/db/act'
import { canonicalJson } from '@mumega/tlog/canonical'
import { notInCircle, tooManyEngrams } from '../errors.ts'
import { insertForMirror } from '../mirror/mirror-repository.ts'
import type { Objectives } from '../objectives.ts'
import { shareEngramLock } from './engram-lock.ts'
import { countOneMore, insertEngram } from './engram-repository.ts'
import { checkContent, circleOf, toldAt } from './engram.ts'
import { belongsTo, type Caller } from './visibility.ts'

/**
 * Records an engram, once per `requestId`. The ledger has its hash: what it says is for those only
 * who may recall it.
 *
 * @throws objectives.invalid-engram, .text-too-large, .invalid-text, .not-in-circle,
 * .too-many-engrams
 */
export async function handleRecordEngram(
  { db, clock, mirror }: Objectives,
  context: CallContext,
  { requestId, circles, ...content }: RequestOf<typeof recordEngram>,
): Promise<ReplyOf<typeof recordEngram>> {
  const { tenantId, actor } = context
  checkContent(content)
  const request = { requestId, command: 'record-engram', content: { actor, ...content } }
  return act(db, { context, clock, request }, async (trx) => {
    const now = clock.now()
    const told = toldAt(content, now)
    checkMember({ context, circles }, content)
    await shareEngramLock(trx, tenantId)
    if ((await countOneMore(trx, tenantId)) > ENGRAMS_MAX) throw tooManyEngrams(ENGRAMS_MAX)
    const engram = {
      ...{ ...told, engramId: uuidv7({ msecs: now.getTime() }) },
      ...{ recordedAt: now.toISOString(), recordedBy: actor.id },
      nonce: randomBytes(16).toString('base64url'),
    }
    const number = await insertEngram(trx, { tenantId, ...engram })
    const { engramId, tier } = engram
    if (mirror?.tiers.has(tier) === true) await insertForMirror(trx, { tenantId, engramId })
    const reply = { ...engram, number }
    const sha256 = createHash('sha256').update(canonicalJson(reply)).digest('hex')
    return {
      reply,
      audit: [
        {
          action: 'engram.recorded',
          target: `engram:${engramId}`,
          payload: { number, tier, sha256 },
        },
      ],
      events: [outgoing(engramRecorded, { tenantId, engramId, number, tier })],
    }
  })
}

/** @throws objectives.not-in-circle */
function checkMember(caller: Caller, content: EngramContent): void {
  const circle = circleOf(content)
  if (circle !== undefined && !belongsTo(caller, circle)) throw notInCircle(circle)
}
