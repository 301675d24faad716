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
  // Before the list, so that the list holds everything up to there.
  const lastPosition = await findLastPosition(trx, call)
  if (lastPosition === undefined) throw agentNotFound(call.agent)
  const before = await listGiven(trx, call)
  if (before.length > 0) return { messages: before, more: true }
  const { given, isMore, isTail } = await choose(trx, call, { cursor, lastPosition })
  await insertFetches(trx, { ...call, positions: freshOf(given), at: call.now })
  const leases = given.flatMap((candidate) => leaseOf(candidate, call.now) ?? [])
  await upsertLeases(trx, { ...call, leases })
  const reached = isTail ? lastPosition : Math.max(cursor, ...given.map(positionOf))
  await updateCursor(trx, { ...call, cursor: reached })
  const nextEnd = await findNextEnd(trx, call)
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

/** What to give now: as many as fit into a reply, what comes again first. */
async function choose(
  trx: Knex.Transaction,
  call: Call,
  { cursor, lastPosition }: { cursor: number; lastPosition: number },
): Promise<{ given: Candidate[]; isMore: boolean; isTail: boolean }> {
  const again = await listDueAgain(trx, { ...call, limit: call.limit + 1 })
  const room = call.limit + 1 - again.length
  const page = { ...call, after: cursor, upTo: lastPosition, limit: room }
  const fresh = room === 0 ? [] : await listNew(trx, page)
  const all = [...again, ...fresh]
  const given = fitting(all.slice(0, call.limit))
  const isMore = given.length < all.length
  // Past what has expired, too, which would be read over and over else.
  return { given, isMore, isTail: !isMore && fresh.length < room }
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
