import { REASON_BYTES_MAX, type rejectMessage } from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { messageSettled } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { checkText } from '../text.ts'
import { deadLetter } from './dead-letter.ts'
import { lockOwnDelivery, settledAs } from './own-delivery.ts'

/**
 * Makes a message of the caller's own inbox a dead letter, with the caller's reason.
 *
 * @throws bridge.message-not-found, bridge.message-settled, bridge.text-too-large,
 * bridge.invalid-text, bridge.sender-not-an-agent, bridge.agent-not-found
 */
export async function handleRejectMessage(
  { db, clock }: Bridge,
  context: CallContext,
  { requestId, messageId, reason }: RequestOf<typeof rejectMessage>,
): Promise<ReplyOf<typeof rejectMessage>> {
  const agent = callingAgent(context)
  const { tenantId } = context
  checkText({ field: 'reason', value: reason, limitBytes: REASON_BYTES_MAX })
  const content = { agent, messageId, reason }
  const request = { requestId, command: 'reject-message', content }
  return act(db, { context, clock, request }, async (trx) => {
    const delivery = await lockOwnDelivery(trx, { tenantId, agent, messageId })
    const was = settledAs(delivery)
    if (was !== undefined) throw messageSettled({ messageId, was })
    const at = clock.now()
    const order = { tenantId, agent, messageId, at, reason: `rejected: ${reason}` }
    const { audit, events } = await deadLetter(trx, order)
    return { reply: { messageId, deadLetteredAt: at.toISOString() }, audit, events }
  })
}
