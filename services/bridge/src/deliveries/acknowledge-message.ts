import { messageAcknowledged, type acknowledgeMessage } from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { callingAgent } from '../identity.ts'
import { acknowledgeLate, settle } from './delivery-repository.ts'
import { lockOwnDelivery, settledAs } from './own-delivery.ts'

/**
 * Marks a message of the caller's own inbox as dealt with, by whichever of its bodies. A second
 * time, by whatever request, answers with the first time and changes nothing. It may come late:
 * what was dealt with after all is no dead letter any more.
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
    const asked = clock.now()
    // Sent together and carried out in order: what the second settles was locked by the first.
    const [delivery] = await Promise.all([
      lockOwnDelivery(trx, { tenantId, agent, messageId }),
      settle(trx, { tenantId, messageId, agents: [agent], at: asked }, { how: 'acknowledged' }),
    ])
    if (delivery.acknowledgedAt !== undefined) {
      return unchanged({ messageId, acknowledgedAt: delivery.acknowledgedAt.toISOString() })
    }
    const { position } = delivery
    const was = settledAs(delivery)
    // Not before what it is later than.
    const at = was === undefined ? asked : clock.now()
    if (was !== undefined) await acknowledgeLate(trx, { tenantId, agent, position, at })
    return {
      reply: { messageId, acknowledgedAt: at.toISOString() },
      audit: [
        {
          action: 'message.acknowledged',
          target: `message:${messageId}`,
          payload: { agent, position, ...(was === undefined ? {} : { was }) },
        },
      ],
      events: [outgoing(messageAcknowledged, { tenantId, agent, messageId })],
    }
  })
}
