import type { InboxMessage, listInbox } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { hasInbox, insertFetches, listInboxAfter } from './inbox-repository.ts'

// One NATS message holds 1 MiB by default. JSON may need six bytes for one byte of text, so a page
// is measured.
const PAGE_BYTES_MAX = 524_288

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
    const page = { tenantId, agent, after, limit: limit + 1, unreadOnly }
    const found = await listInboxAfter(trx, page)
    if (found.length === 0 && !(await hasInbox(trx, { tenantId, agent }))) {
      throw agentNotFound(agent)
    }
    const messages = fitting(found.slice(0, limit).map(({ message }) => message))
    const fresh = found.slice(0, messages.length).filter(({ fetched }) => !fetched)
    const positions = fresh.map(({ message }) => message.position)
    await insertFetches(trx, { tenantId, agent, positions, at: clock.now() })
    const last = messages.at(-1)
    const isMore = messages.length < found.length
    return unchanged({
      messages,
      ...(isMore && last !== undefined ? { next: String(last.position) } : {}),
    })
  })
}

/**
 * As many from the front as fit into one reply. The first always does: it is at most 100 KiB of
 * JSON.
 */
function fitting(messages: InboxMessage[]): InboxMessage[] {
  let bytes = 0
  const end = messages.findIndex((message, index) => {
    bytes += Buffer.byteLength(JSON.stringify(message)) + 1
    return index > 0 && bytes > PAGE_BYTES_MAX
  })
  return end === -1 ? messages : messages.slice(0, end)
}
