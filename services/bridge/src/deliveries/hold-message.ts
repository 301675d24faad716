import type { holdMessage } from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { leaseLost } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { lockOwnDelivery } from './own-delivery.ts'
import { updateLeaseEnd } from './lease-repository.ts'

/**
 * Leases a message for so long from now on, or gives it back. It is no act: it leaves no audit
 * entry.
 *
 * @throws bridge.message-not-found, bridge.lease-lost, bridge.sender-not-an-agent,
 * bridge.agent-not-found
 */
export async function handleHoldMessage(
  { db, clock }: Bridge,
  context: CallContext,
  { body, messageId, seconds, attempt }: RequestOf<typeof holdMessage>,
): Promise<ReplyOf<typeof holdMessage>> {
  const agent = callingAgent(context)
  const { tenantId } = context
  return act(db, { context, clock }, async (trx) => {
    const { position } = await lockOwnDelivery(trx, { tenantId, agent, messageId })
    const now = clock.now()
    const endsAt = new Date(now.getTime() + seconds * 1_000)
    const lease = { tenantId, agent, body, position, attempt }
    const isHeld = await updateLeaseEnd(trx, { ...lease, now, endsAt })
    if (!isHeld) throw leaseLost({ messageId, body })
    return unchanged({ messageId, leaseUntil: endsAt.toISOString() })
  })
}
