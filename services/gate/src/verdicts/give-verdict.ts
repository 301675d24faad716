import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  verdictGiven,
  VERDICTS_MAX,
  type GivenVerdict,
  type giveVerdict,
} from '@mumega/contracts/gate-review'
import { RATIFIER } from '@mumega/contracts/objectives'
import { checkSignature } from '@mumega/contracts/principals'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, readAs, unchanged } from '@mumega/db/act'
import { gateVerdictText } from '@mumega/tlog/gate-verdict'
import { alreadyJudged, judgedChanged, limitReached, notNewest, otherCommit } from '../errors.ts'
import { GATE_CONTEXT, type Gate } from '../gate.ts'
import { listWorkers, lockTrack, type IterationKey } from '../sprints/track-repository.ts'
import { checkGreen, checkJudges } from './green.ts'
import { readJudged, type ReadJudged } from './judged.ts'
import { insertVerdict, listVerdicts } from './verdict-repository.ts'

type Order = Omit<RequestOf<typeof giveVerdict>, 'requestId'>

/** What an order comes to as things stand. */
type Looked =
  | { readonly given: GivenVerdict }
  | {
      readonly given?: never
      readonly statement: string
      readonly read: ReadJudged
      /** Of the next verdict on the iteration. */
      readonly number: number
    }

/**
 * Judges the newest iteration of a track. Whoever may call, only the signature of the gate's
 * principal over all that is judged counts; by the same note a second time nothing happens.
 *
 * Who signed is asked of those who have the keys, before the transaction; in it everything is
 * looked at again, and another text than was signed is refused. So nothing comes between.
 *
 * @throws gate.iteration-not-found, .other-commit, .not-newest, .already-judged, .own-work,
 * .arm-missing, .tests-failed, .blocks-open, .fix-not-reviewed, .judged-changed, .limit-reached,
 * objectives.principal-not-found, .principal-suspended, .signature-invalid
 */
export async function handleGiveVerdict(
  { db, clock, bus }: Gate,
  context: CallContext,
  { requestId, ...order }: RequestOf<typeof giveVerdict>,
): Promise<ReplyOf<typeof giveVerdict>> {
  const { sprintId, trackId, iteration, commit, verdict, note } = order
  const { tenantId, actor } = context
  const key = { tenantId, sprintId, trackId, iteration }
  const before = await readAs(db, context, (trx) => look(trx, key, order))
  if (before.given !== undefined) return before.given
  const said = { principalId: RATIFIER, text: before.statement, note }
  const { keyNumber } = await bus.request(checkSignature, said, { context: GATE_CONTEXT })

  const request = { requestId, command: 'give-verdict', content: { actor, ...order } }
  return act(db, { context, clock, request }, async (trx) => {
    await lockTrack(trx, key)
    const now = await look(trx, key, order)
    if (now.given !== undefined) return unchanged(now.given)
    if (now.statement !== before.statement) throw judgedChanged(now.statement)
    const { judged, text, sha256 } = now.read
    const given = {
      ...{ sprintId, trackId, iteration, commit, verdict, principal: RATIFIER, sha256, note },
      at: clock.now().toISOString(),
    }
    const more = { tenantId, keyNumber, judged: text, findings: judged.findings.length }
    await insertVerdict(trx, { ...given, number: now.number }, { ...more, by: actor.id })
    return {
      reply: given,
      audit: [
        {
          action: 'verdict.given',
          target: `track:${sprintId}/${trackId}`,
          // Who brought it is the actor; whose verdict it is has signed.
          payload: { iteration, commit, verdict, sha256, principal: RATIFIER, note },
        },
      ],
      events: [outgoing(verdictGiven, { ...key, verdict, commit, sha256 })],
    }
  })
}

/** @throws all that there is against the verdict but its signature */
async function look(trx: Knex.Transaction, key: IterationKey, order: Order): Promise<Looked> {
  const { commit, verdict, note } = order
  const read = await readJudged(trx, key)
  const { judged, sha256, newestIteration } = read
  if (judged.commit !== commit) throw otherCommit({ field: 'commit', commit: judged.commit })
  const verdicts = await listVerdicts(trx, key)
  const given = verdicts.find((one) => one.verdict === verdict && one.note === note)
  if (given !== undefined) return { given }
  if (newestIteration !== key.iteration) throw notNewest(newestIteration)
  const final = verdicts.find((one) => one.verdict !== 'PENDING')
  if (final !== undefined) throw alreadyJudged(final.verdict)
  if (verdicts.length >= VERDICTS_MAX) {
    throw limitReached('verdicts on this iteration', VERDICTS_MAX)
  }
  const hands = { author: judged.author, workers: await listWorkers(trx, key) }
  checkJudges(judged, { hands, principal: RATIFIER })
  if (verdict === 'GREEN') checkGreen(judged)
  const { tenantId, sprintId: sprint, trackId: track, iteration } = key
  const about = { tenant: tenantId, sprint, track, iteration, commit }
  const statement = gateVerdictText({ principal: RATIFIER, ...about, verdict, sha256 })
  return { statement, read, number: verdicts.length + 1 }
}
