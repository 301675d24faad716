import { v7 as uuidv7 } from 'uuid'
import { BROADCAST_RECIPIENTS_MAX } from '@mumega/contracts/bridge'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act } from '@mumega/db/act'
import { findNames } from '../agents/agent-repository.ts'
import type { Bridge } from '../bridge.ts'
import {
  agentNotFound,
  expiredAlready,
  inboxFull,
  messageNotFound,
  tooManyRecipients,
} from '../errors.ts'
import { lockOtherInboxes } from './inbox-repository.ts'
import { insertWithPlaces, isVisibleTo } from './message-repository.ts'
import { auditOf, checkDraft, eventsOf, messageOf, type Draft } from './message.ts'

export interface Accepted {
  messageId: string
  recipients: number
  /** Only of an ask: ISO 8601. */
  deadline?: string
}

interface Order {
  requestId: string
  draft: Draft
  /** The systems that it has passed before it came to this one. */
  path?: readonly string[]
}

/**
 * Accepts one message, once per `requestId`: its row, a place in each recipient's inbox, the audit
 * intent and the copy for live readers commit together or not at all. A message that the same
 * sender sends after this returned stands behind it in every inbox.
 *
 * @throws bridge.agent-not-found, bridge.message-not-found, bridge.inbox-full,
 * bridge.too-many-recipients, bridge.text-too-large, bridge.invalid-text, bridge.invalid-time,
 * bridge.expired-already
 */
export async function acceptMessage(
  { db, clock, inboxUnreadMax }: Bridge,
  context: CallContext,
  { requestId, draft, path }: Order,
): Promise<Accepted> {
  checkDraft(draft)
  const { tenantId } = context
  // The draft names its sender, so another agent's use of the same id is refused and not answered.
  const request = { requestId, command: 'accept-message', content: draft }
  return act(db, { context, clock, request }, async (trx) => {
    await checkParties(trx, tenantId, draft)
    const sentAt = clock.now()
    const message = messageOf(draft, { tenantId, messageId: uuidv7(), sentAt })
    const { expiresAt } = message
    if (expiresAt !== undefined && expiresAt <= sentAt) throw expiredAlready(expiresAt, sentAt)
    const recipients = await recipientsOf(trx, tenantId, draft)
    const places = await insertWithPlaces(trx, message, recipients)
    if (places.length !== recipients.length) throw new Error('a registered agent has no inbox')
    const full = places.find((place) => place.unread > inboxUnreadMax)
    if (full !== undefined) throw inboxFull(full.agent, inboxUnreadMax)
    return {
      reply: {
        messageId: message.messageId,
        recipients: recipients.length,
        ...(message.deadline === undefined ? {} : { deadline: message.deadline.toISOString() }),
      },
      audit: [auditOf(message, recipients)],
      events: eventsOf(message, recipients, path),
    }
  })
}

/**
 * Refuses a sender or an addressee that is no agent of the tenant, and an answer to what the sender
 * cannot see.
 */
async function checkParties(trx: Knex.Transaction, tenantId: string, draft: Draft): Promise<void> {
  const parties = draft.to === undefined ? [draft.from] : [draft.from, draft.to]
  const known = await findNames(trx, { tenantId, names: parties })
  const unknown = parties.find((name) => !known.has(name))
  if (unknown !== undefined) throw agentNotFound(unknown)
  if (draft.replyTo === undefined) return
  const question = { tenantId, messageId: draft.replyTo, agent: draft.from }
  // An answer to a mistyped id would be lost on an asker who waits for it.
  if (!(await isVisibleTo(trx, question))) throw messageNotFound(draft.replyTo)
}

/** The names of whoever gets the message; for a broadcast, with their inboxes locked in order. */
async function recipientsOf(
  trx: Knex.Transaction,
  tenantId: string,
  { from, to }: Draft,
): Promise<string[]> {
  if (to !== undefined) return [to]
  const limit = BROADCAST_RECIPIENTS_MAX + 1
  const agents = await lockOtherInboxes(trx, { tenantId, agent: from, limit })
  if (agents.length === limit) throw tooManyRecipients(BROADCAST_RECIPIENTS_MAX)
  return agents
}
