import {
  LEASE_SECONDS,
  type ReceivedMessage,
  type receiveMessages,
} from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound, tooManyBodies } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { fitting } from '../messages/fitting.ts'
import { findLastPosition, freshOf, insertFetches } from '../messages/inbox-repository.ts'
import { addBody, lockCursor, updateCursor, type BodyKey } from './body-repository.ts'
import {
  findNextEnd,
  listDueAgain,
  listGiven,
  listNew,
  upsertLeases,
  type Candidate,
  type Lease,
} from './lease-repository.ts'

interface Call extends BodyKey {
  now: Date
  limit: number
  claimId: string | undefined
}

/**
 * Gives one body of the caller its next messages and leases them to it. Calls of one body take
 * turns; of two bodies neither sees what the other has been given. It is no act: it leaves no audit
 * entry.
 *
 * @throws bridge.sender-not-an-agent, bridge.agent-not-found, bridge.too-many-bodies
 */
export async function handleReceiveMessages(
  { db, clock }: Bridge,
  context: CallContext,
  { body, limit, claimId }: RequestOf<typeof receiveMessages>,
): Promise<ReplyOf<typeof receiveMessages>> {
  const agent = callingAgent(context)
  const { tenantId } = context
  const call = { tenantId, agent, body, limit, claimId, now: clock.now() }
  return act(db, { context, clock }, async (trx) => unchanged(await give(trx, call)))
}

async function give(trx: Knex.Transaction, call: Call): Promise<ReplyOf<typeof receiveMessages>> {
  const cursor = await openBody(trx, call)
  const { lastPosition, before, again, fresh } = await look(trx, call, cursor)
  if (before.length > 0) return { messages: before, more: true }
  const all = [...again, ...fresh].slice(0, call.limit + 1)
  const given = fitting(all.slice(0, call.limit))
  const isMore = given.length < all.length
  // Past what has expired, too, which would be read over and over else.
  const reached = isMore ? Math.max(cursor, ...given.map(positionOf)) : lastPosition
  const leases = given.flatMap((candidate) => leaseOf(candidate, call.now) ?? [])
  const [, , , nextEnd] = await Promise.all([
    insertFetches(trx, { ...call, positions: freshOf(given), at: call.now }),
    upsertLeases(trx, { ...call, leases }),
    updateCursor(trx, { ...call, cursor: reached }),
    findNextEnd(trx, call),
  ])
  return {
    messages: given.map((candidate) => received(candidate, call.now)),
    more: isMore,
    ...(nextEnd === undefined ? {} : { nextLeaseEndsAt: nextEnd.toISOString() }),
  }
}

async function openBody(trx: Knex.Transaction, call: Call): Promise<number> {
  const cursor = await lockCursor(trx, call)
  if (cursor !== undefined) return cursor
  if ((await findLastPosition(trx, call)) === undefined) throw agentNotFound(call.agent)
  if (!(await addBody(trx, call))) throw tooManyBodies(call.agent)
  const added = await lockCursor(trx, call)
  if (added === undefined) throw new Error('a body was forgotten while it was locked')
  return added
}

interface Seen {
  lastPosition: number
  /** What this very call was given before. */
  before: ReceivedMessage[]
  again: Candidate[]
  /** Up to `lastPosition`. */
  fresh: Candidate[]
}

/** What there is for a body, one more than is given of each. */
async function look(trx: Knex.Transaction, call: Call, cursor: number): Promise<Seen> {
  const page = { ...call, limit: call.limit + 1 }
  const [lastPosition, before, again, fresh] = await Promise.all([
    // First, so that the list holds everything up to there.
    findLastPosition(trx, call),
    listGiven(trx, call),
    listDueAgain(trx, page),
    listNew(trx, { ...page, after: cursor }),
  ])
  if (lastPosition === undefined) throw agentNotFound(call.agent)
  const upToLast = fresh.filter((candidate) => positionOf(candidate) <= lastPosition)
  return { lastPosition, before, again, fresh: upToLast }
}

function leaseOf(candidate: Candidate, now: Date): Lease | undefined {
  if (candidate.isSettled) return undefined
  const seconds = LEASE_SECONDS[candidate.attempts]
  if (seconds === undefined) throw new Error('a message was to be delivered too often')
  const endsAt = new Date(now.getTime() + seconds * 1_000)
  return { position: positionOf(candidate), attempts: candidate.attempts + 1, endsAt }
}

function received(candidate: Candidate, now: Date): ReceivedMessage {
  const lease = leaseOf(candidate, now)
  if (lease === undefined) return candidate.message
  return {
    ...candidate.message,
    attempt: lease.attempts,
    leaseUntil: lease.endsAt.toISOString(),
  }
}

function positionOf({ message }: Candidate): number {
  return message.position
}
