import type { getInboxMessage } from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound, messageNotFound } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { findInInbox, findLastPosition, freshOf, insertFetches } from './inbox-repository.ts'

/**
 * One message of the caller's own inbox, which then counts as fetched.
 *
 * @throws bridge.message-not-found, bridge.sender-not-an-agent, bridge.agent-not-found
 */
export async function handleGetInboxMessage(
  { db, clock }: Bridge,
  context: CallContext,
  { messageId }: RequestOf<typeof getInboxMessage>,
): Promise<ReplyOf<typeof getInboxMessage>> {
  const agent = callingAgent(context)
  const { tenantId } = context
  return act(db, { context, clock }, async (trx) => {
    const found = await findInInbox(trx, { tenantId, agent, messageId })
    if (found === undefined) {
      if ((await findLastPosition(trx, { tenantId, agent })) === undefined) {
        throw agentNotFound(agent)
      }
      throw messageNotFound(messageId)
    }
    await insertFetches(trx, { tenantId, agent, positions: freshOf([found]), at: clock.now() })
    return unchanged(found.message)
  })
}
