import { v7 as uuidv7 } from 'uuid'
import { BROADCAST_RECIPIENTS_MAX } from '@mumega/contracts/bridge'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import {
  agentNotFound,
  expiredAlready,
  inboxFull,
  messageNotFound,
  sendNotAllowed,
  tooManyRecipients,
} from '../errors.ts'
import { findParties, getSendPolicy } from '../send-policy/send-policy-repository.ts'
import { isAllowed } from '../send-policy/send-policy.ts'
import { findFull, listOtherInboxes, lockInboxes } from './inbox-repository.ts'
import { findQuestion, insertWithPlaces, type Place } from './message-repository.ts'
import { auditOf, checkDraft, eventsOf, messageOf, type Draft } from './message.ts'

export interface Accepted {
  messageId: string
  recipients: number
  /** Only of an ask: ISO 8601. */
  deadline?: string
}

type Judge = (to: string) => boolean

interface Judged {
  tenantId: string
  draft: Draft
  mayReach: Judge
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
 * sender sends after this returned stands behind it in every inbox. The tenant's send policy judges
 * it as it is when this commits; a broadcast reaches those whom it allows.
 *
 * @throws bridge.agent-not-found, bridge.message-not-found, bridge.send-not-allowed,
 * bridge.inbox-full, bridge.too-many-recipients, bridge.text-too-large, bridge.invalid-text,
 * bridge.invalid-time, bridge.expired-already
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
    const mayReach = await judgeOf(trx, tenantId, draft)
    const sentAt = clock.now()
    const message = messageOf(draft, { tenantId, messageId: uuidv7(), sentAt })
    const { expiresAt } = message
    if (expiresAt !== undefined && expiresAt <= sentAt) throw expiredAlready(expiresAt, sentAt)
    const recipients = await recipientsOf(trx, { tenantId, draft, mayReach })
    const places = await insertWithPlaces(trx, message, recipients)
    if (places.length !== recipients.length) throw new Error('a registered agent has no inbox')
    await checkRoom(trx, { tenantId, places, max: inboxUnreadMax })
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

/** Needs the locks of the inboxes, which `places` were taken under. */
async function checkRoom(
  trx: Knex.Transaction,
  { tenantId, places, max }: { tenantId: string; places: readonly Place[]; max: number },
): Promise<void> {
  const agents = places.filter(({ unread }) => unread > max).map(({ agent }) => agent)
  if (agents.length === 0) return
  // Looked at again, by a statement that did not wait: what was settled meanwhile has made room.
  const full = await findFull(trx, { tenantId, agents, max })
  if (full !== undefined) throw inboxFull(full, max)
}

/** Who sent the sender what this answers, if anybody did; refuses what the sender cannot see. */
async function findAsker(
  trx: Knex.Transaction,
  tenantId: string,
  { from, replyTo }: Draft,
): Promise<string | undefined> {
  if (replyTo === undefined) return undefined
  const question = await findQuestion(trx, { tenantId, messageId: replyTo, agent: from })
  // An answer to a mistyped id would be lost on an asker who waits for it.
  if (question === undefined) throw messageNotFound(replyTo)
  return question.isReceived ? question.from : undefined
}

/**
 * Says whom the message may reach, and refuses its one addressee. The asker it may always reach: a
 * question that was allowed could not be answered otherwise. A sender or an addressee that is no
 * agent of the tenant is refused first, so that the policy tells nothing of other tenants.
 */
async function judgeOf(trx: Knex.Transaction, tenantId: string, draft: Draft): Promise<Judge> {
  const { from, to, kind } = draft
  const names = to === undefined ? [from] : [from, to]
  // In this order, which is that of the answers: the policy is read when it can change no more.
  const [known, policy] = await Promise.all([
    findParties(trx, { tenantId, names }),
    getSendPolicy(trx, tenantId),
  ])
  const unknown = names.find((name) => !known.has(name))
  if (unknown !== undefined) throw agentNotFound(unknown)
  const asker = await findAsker(trx, tenantId, draft)
  const mayReach = (name: string) => name === asker || isAllowed(policy, { from, to: name, kind })
  if (to !== undefined && !mayReach(to)) throw sendNotAllowed({ from, to, kind })
  return mayReach
}

/** Who gets the message; of a broadcast, with the inboxes of all of them locked in order. */
async function recipientsOf(
  trx: Knex.Transaction,
  { tenantId, draft, mayReach }: Judged,
): Promise<string[]> {
  if (draft.to !== undefined) return [draft.to]
  const agents = await reachedBy(trx, { tenantId, draft, mayReach })
  if (agents.length > BROADCAST_RECIPIENTS_MAX) throw tooManyRecipients(BROADCAST_RECIPIENTS_MAX)
  await lockInboxes(trx, { tenantId, agents })
  return agents
}

/**
 * Whom a broadcast may reach, one more than it can at most. Who it may not reach counts nothing, so
 * it reads on, page by page, to the end of the tenant's agents.
 */
async function reachedBy(
  trx: Knex.Transaction,
  { tenantId, draft, mayReach }: Judged,
): Promise<string[]> {
  const limit = BROADCAST_RECIPIENTS_MAX + 1
  const reached: string[] = []
  for (let after = ''; reached.length < limit;) {
    const page = await listOtherInboxes(trx, { tenantId, agent: draft.from, after, limit })
    reached.push(...page.filter(mayReach))
    const last = page.at(-1)
    if (last === undefined || page.length < limit) break
    after = last
  }
  return reached
}
