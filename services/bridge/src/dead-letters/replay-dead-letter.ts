import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import { retryDeadLetter, type replayDeadLetter } from '@mumega/contracts/dead-letters'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, readAs, unchanged } from '@mumega/db/act'
import { isAppError } from '@mumega/errors'
import type { Bridge } from '../bridge.ts'
import { deadLetterNotFound, replayFailed } from '../errors.ts'
import { checkOperator } from '../identity.ts'
import {
  findDeadLetter,
  findOutcomeForUpdate,
  insertReplay,
  updateOutcome,
  type ReplayOutcome,
} from './dead-letter-repository.ts'

interface ReplayCall {
  context: CallContext
  request: RequestOf<typeof replayDeadLetter>
}

/**
 * Hands a dead letter to its consumer once more. The operator's decision and its outcome are two
 * audited acts, with the hand-over between them. After a crash in between, the same request runs
 * the handler again, as any redelivery would, and gives the decision its outcome.
 *
 * @throws bridge.operators-only, bridge.dead-letter-not-found, bridge.replay-failed
 */
export async function handleReplayDeadLetter(
  bridge: Bridge,
  bus: Bus,
  call: ReplayCall,
): Promise<ReplyOf<typeof replayDeadLetter>> {
  checkOperator(call.context)
  const { deadLetterId } = call.request
  const replayId = await decide(bridge, call)
  const earlier = await outcomeOf(bridge, call.context, replayId)
  const outcome = earlier ?? (await handOver(bridge, bus, { ...call, replayId }))
  if (outcome.failure !== undefined) throw replayFailed(deadLetterId, outcome.failure)
  return { deadLetterId, replayedAt: outcome.finishedAt }
}

/** As it is stored in a reply and answered. */
interface Outcome {
  finishedAt: string
  failure?: string
}

async function decide({ db, clock }: Bridge, { context, request }: ReplayCall): Promise<string> {
  const { requestId, deadLetterId } = request
  const once = { requestId, command: 'replay-dead-letter', content: { deadLetterId } }
  return act(db, { context, clock, request: once }, async (trx) => {
    const letter = await findDeadLetter(trx, deadLetterId)
    if (letter === undefined) throw deadLetterNotFound(deadLetterId)
    const replayId = uuidv7()
    await insertReplay(trx, { replayId, deadLetterId, requestedAt: clock.now() })
    const { service, consumer } = letter
    return {
      reply: replayId,
      audit: [
        {
          id: replayId,
          action: 'dead-letter.replay-requested',
          target: `dead-letter:${deadLetterId}`,
          phase: 'intent' as const,
          payload: { service, consumer },
        },
      ],
      events: [],
    }
  })
}

/** What came of an earlier call with the same request id, if anything did. */
async function outcomeOf(
  { db, clock }: Bridge,
  context: CallContext,
  replayId: string,
): Promise<Outcome | undefined> {
  return act(db, { context, clock }, async (trx) =>
    unchanged(shown(await findOutcomeForUpdate(trx, replayId))),
  )
}

/** Runs the handler where the consumer lives, and records what came of it. */
async function handOver(
  bridge: Bridge,
  bus: Bus,
  { replayId, ...call }: ReplayCall & { replayId: string },
): Promise<Outcome> {
  const { context, request } = call
  const { deadLetterId } = request
  const letter = await readAs(bridge.db, context, (trx) => findDeadLetter(trx, deadLetterId))
  if (letter === undefined) throw deadLetterNotFound(deadLetterId)
  const { service, consumer, subject, headers, body } = letter
  try {
    await bus.request(retryDeadLetter(service), { consumer, subject, headers, body }, { context })
  } catch (error) {
    // An expected failure is the replay's outcome. A bug of ours leaves it open, to be tried again.
    if (!isAppError(error)) throw error
    return conclude(bridge, call, { replayId, failure: error.code })
  }
  return conclude(bridge, call, { replayId })
}

/** Records the outcome once; a second process that did the same gets the first one's. */
async function conclude(
  { db, clock }: Bridge,
  { context, request }: ReplayCall,
  { replayId, failure }: { replayId: string; failure?: string },
): Promise<Outcome> {
  return act(db, { context, clock }, async (trx) => {
    const earlier = shown(await findOutcomeForUpdate(trx, replayId))
    if (earlier !== undefined) return unchanged(earlier)
    const failed = failure === undefined ? {} : { failure }
    const finishedAt = clock.now()
    await updateOutcome(trx, { replayId, finishedAt, ...failed })
    return {
      reply: { finishedAt: finishedAt.toISOString(), ...failed },
      audit: [
        {
          action: failure === undefined ? 'dead-letter.replayed' : 'dead-letter.replay-failed',
          target: `dead-letter:${request.deadLetterId}`,
          phase: 'outcome' as const,
          of: replayId,
          payload: failed,
        },
      ],
      events: [],
    }
  })
}

function shown(outcome: ReplayOutcome | undefined): Outcome | undefined {
  return outcome && { ...outcome, finishedAt: outcome.finishedAt.toISOString() }
}
