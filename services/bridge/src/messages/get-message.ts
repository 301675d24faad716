import { BROADCAST_RECIPIENTS_MAX } from '@mumega/contracts/bridge'
import { type getMessage } from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { messageNotFound } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { listDeliveries, type Delivery } from '../deliveries/delivery-repository.ts'
import { settledAs } from '../deliveries/own-delivery.ts'
import { findSender } from './message-repository.ts'

/**
 * What became of a message, for its sender or for an operator of its tenant. @throws
 * bridge.message-not-found
 */
export async function handleGetMessage(
  { db }: Bridge,
  context: CallContext,
  { messageId }: RequestOf<typeof getMessage>,
): Promise<ReplyOf<typeof getMessage>> {
  const { tenantId } = context
  return readAs(db, context, async (trx) => {
    const message = await findSender(trx, { tenantId, messageId })
    if (message === undefined) throw messageNotFound(messageId)
    const isAgent = context.actor.kind === 'agent'
    if (isAgent && callingAgent(context) !== message.from) throw messageNotFound(messageId)
    const limit = BROADCAST_RECIPIENTS_MAX
    const deliveries = await listDeliveries(trx, { tenantId, messageId, limit })
    return {
      messageId,
      from: message.from,
      sentAt: message.sentAt.toISOString(),
      deliveries: deliveries.map(shown),
    }
  })
}

function shown(delivery: Delivery) {
  const { to, fetched, attempts, acknowledgedAt, deadLetter, expiredAt } = delivery
  return {
    to,
    status: settledAs(delivery) ?? (fetched ? ('fetched' as const) : ('queued' as const)),
    attempts,
    ...(acknowledgedAt === undefined ? {} : { acknowledgedAt: acknowledgedAt.toISOString() }),
    ...(deadLetter === undefined
      ? {}
      : { deadLetteredAt: deadLetter.at.toISOString(), reason: deadLetter.reason }),
    ...(expiredAt === undefined ? {} : { expiredAt: expiredAt.toISOString() }),
  }
}
