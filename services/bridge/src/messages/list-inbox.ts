import type { listInbox } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { fitting } from './fitting.ts'
import { findLastPosition, freshOf, insertFetches, listInboxAfter } from './inbox-repository.ts'

/**
 * A page of the caller's own inbox, oldest first, which then counts as fetched. Reading is no act:
 * it leaves no audit entry.
 *
 * @throws bridge.sender-not-an-agent, bridge.agent-not-found
 */
export async function handleListInbox(
  { db, clock }: Bridge,
  context: CallContext,
  { after, limit, unreadOnly }: RequestOf<typeof listInbox>,
): Promise<ReplyOf<typeof listInbox>> {
  const agent = callingAgent(context)
  const { tenantId } = context
  return act(db, { context, clock }, async (trx) => {
    const now = clock.now()
    const unreadAt = unreadOnly ? now : undefined
    const found = await listInboxAfter(trx, { tenantId, agent, after, limit: limit + 1, unreadAt })
    if (found.length === 0 && (await findLastPosition(trx, { tenantId, agent })) === undefined) {
      throw agentNotFound(agent)
    }
    const given = fitting(found.slice(0, limit))
    await insertFetches(trx, { tenantId, agent, positions: freshOf(given), at: now })
    const last = given.at(-1)
    const isMore = given.length < found.length
    return unchanged({
      messages: given.map(({ message }) => message),
      ...(isMore && last !== undefined ? { next: String(last.message.position) } : {}),
    })
  })
}
