import { messageAcknowledged, type acknowledgeMessage } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound, messageNotFound } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { findDeliveryForUpdate, hasInbox, updateAcknowledged } from './inbox-repository.ts'

/**
 * Marks a message of the caller's own inbox as dealt with. A second time, by whatever request,
 * answers with the first time and changes nothing.
 *
 * @throws bridge.message-not-found, bridge.sender-not-an-agent, bridge.agent-not-found
 */
export async function handleAcknowledgeMessage(
  { db, clock }: Bridge,
  context: CallContext,
  { requestId, messageId }: RequestOf<typeof acknowledgeMessage>,
): Promise<ReplyOf<typeof acknowledgeMessage>> {
  const agent = callingAgent(context)
  const { tenantId } = context
  const request = { requestId, command: 'acknowledge-message', content: { agent, messageId } }
  return act(db, { context, clock, request }, async (trx) => {
    const delivery = await findDeliveryForUpdate(trx, { tenantId, agent, messageId })
    if (delivery === undefined) {
      if (!(await hasInbox(trx, { tenantId, agent }))) throw agentNotFound(agent)
      throw messageNotFound(messageId)
    }
    if (delivery.acknowledgedAt !== undefined) {
      return unchanged({ messageId, acknowledgedAt: delivery.acknowledgedAt.toISOString() })
    }
    const { position } = delivery
    const at = clock.now()
    await updateAcknowledged(trx, { tenantId, agent, position, at })
    return {
      reply: { messageId, acknowledgedAt: at.toISOString() },
      audit: [
        {
          action: 'message.acknowledged',
          target: `message:${messageId}`,
          payload: { agent, position },
        },
      ],
      events: [outgoing(messageAcknowledged, { tenantId, agent, messageId })],
    }
  })
}
