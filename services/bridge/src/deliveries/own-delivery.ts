import type { Knex } from '@mumega/db'
import { agentNotFound, messageNotFound } from '../errors.ts'
import { findLastPosition, type InboxKey } from '../messages/inbox-repository.ts'
import { findDeliveryForUpdate, type Delivery } from './delivery-repository.ts'

/**
 * The delivery of a message to an agent, locked until `trx` ends.
 *
 * @throws bridge.message-not-found, bridge.agent-not-found
 */
export async function lockOwnDelivery(
  trx: Knex.Transaction,
  key: InboxKey & { messageId: string },
): Promise<Delivery> {
  const delivery = await findDeliveryForUpdate(trx, key)
  if (delivery !== undefined) return delivery
  if ((await findLastPosition(trx, key)) === undefined) throw agentNotFound(key.agent)
  throw messageNotFound(key.messageId)
}

/** How a delivery has ended; undefined while it has not. */
export function settledAs({
  acknowledgedAt,
  deadLetter,
  expiredAt,
}: Delivery): 'acknowledged' | 'dead-lettered' | 'expired' | undefined {
  // An acknowledgement counts also when it came late.
  if (acknowledgedAt !== undefined) return 'acknowledged'
  if (deadLetter !== undefined) return 'dead-lettered'
  return expiredAt === undefined ? undefined : 'expired'
}
