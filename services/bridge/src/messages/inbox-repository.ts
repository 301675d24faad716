import type { Knex } from '@mumega/db'
import { prepared } from '@mumega/db/prepared'
import type { InboxMessage } from '@mumega/contracts/bridge'
import { UNSETTLED } from '../deliveries/delivery-repository.ts'
import { SETTLED } from '../deliveries/settlement-repository.ts'
import type { MessageRow } from './message-repository.ts'

/** Names one agent's inbox. */
export interface InboxKey {
  tenantId: string
  agent: string
}

export interface InboxRow extends Omit<MessageRow, 'tenant_id'> {
  position: string
  acknowledged_at: Date | null
  dead_lettered_at: Date | null
  fetched: boolean
}

/** Whose inboxes there are beside this agent's, by name, behind `after`. */
export async function listOtherInboxes(
  trx: Knex.Transaction,
  { tenantId, agent, after, limit }: InboxKey & { after: string; limit: number },
): Promise<string[]> {
  const found = await trx.raw<{ rows: { agent: string }[] }>(
    `select agent from inboxes where tenant_id = ? and agent <> ? and agent > ?
      order by agent limit ?`,
    [tenantId, agent, after, limit],
  )
  return found.rows.map((row) => row.agent)
}

/**
 * Locks the inboxes of these agents, sorted by name: in one order everywhere, so no two can
 * deadlock.
 */
export async function lockInboxes(
  trx: Knex.Transaction,
  { tenantId, agents }: { tenantId: string; agents: string[] },
): Promise<void> {
  await trx.raw(
    `select from inboxes where tenant_id = ? and agent = any(?) order by agent for update`,
    [tenantId, agents],
  )
}

/** The first of these inboxes, by name, that holds more than `max` messages not settled. */
export async function findFull(
  trx: Knex.Transaction,
  { tenantId, agents, max }: { tenantId: string; agents: string[]; max: number },
): Promise<string | undefined> {
  const found = await trx.raw<{ rows: { agent: string }[] }>(
    `select i.agent from inboxes i
      where i.tenant_id = ? and i.agent = any(?) and i.last_position - ${SETTLED} > ?
      order by i.agent limit 1`,
    [tenantId, agents, max],
  )
  return found.rows.map((row) => row.agent)[0]
}

/** The last position that an inbox has given away; undefined when there is no such agent. */
export async function findLastPosition(
  trx: Knex.Transaction,
  { tenantId, agent }: InboxKey,
): Promise<number | undefined> {
  const found = await prepared<{ last_position: string }>(
    trx,
    'select last_position from inboxes where tenant_id = ? and agent = ?',
    [tenantId, agent],
  )
  return found.rows.map((row) => Number(row.last_position))[0]
}

export interface InboxPage extends InboxKey {
  after: number
  limit: number
  /** Leaves out what is settled, and what has expired by then. */
  unreadAt: Date | undefined
}

/** The places of what was not fetched before. */
export function freshOf(listed: readonly Listed[]): number[] {
  return listed.filter(({ fetched }) => !fetched).map(({ message }) => message.position)
}

export interface Listed {
  message: InboxMessage
  /** Whether it was fetched before. */
  fetched: boolean
}

/** What an inbox shows of a delivery `d` and its message `m`. */
export const INBOX_COLUMNS = `
  m.message_id, m.sender, m.kind, m.text, m.content_type, m.reply_to, m.correlation_id, m.deadline,
  m.expires_at, m.sent_at, d.position, d.acknowledged_at, d.dead_lettered_at,
  f.fetched_at is not null as fetched`
export const INBOX_TABLES = `deliveries d
  join messages m on m.tenant_id = d.tenant_id and m.message_id = d.message_id
  left join fetches f on f.tenant_id = d.tenant_id and f.recipient = d.recipient
   and f.position = d.position`
/** Whether the message is still to be delivered at a time. */
export const UNEXPIRED = 'd.expired_at is null and (m.expires_at is null or m.expires_at > ?)'

/** Oldest first. */
export async function listInboxAfter(trx: Knex.Transaction, page: InboxPage): Promise<Listed[]> {
  const { unreadAt } = page
  const found = await trx.raw<{ rows: InboxRow[] }>(
    `select ${INBOX_COLUMNS} from ${INBOX_TABLES}
      where d.tenant_id = ? and d.recipient = ? and d.position > ?
        ${unreadAt === undefined ? '' : `and ${UNSETTLED} and ${UNEXPIRED}`}
      order by d.position limit ?`,
    [
      page.tenantId,
      page.agent,
      page.after,
      ...(unreadAt === undefined ? [] : [unreadAt]),
      page.limit,
    ],
  )
  return found.rows.map(listed)
}

export async function findInInbox(
  trx: Knex.Transaction,
  { tenantId, agent, messageId }: InboxKey & { messageId: string },
): Promise<Listed | undefined> {
  const found = await trx.raw<{ rows: InboxRow[] }>(
    `select ${INBOX_COLUMNS} from ${INBOX_TABLES}
      where d.tenant_id = ? and d.recipient = ? and d.message_id = ?`,
    [tenantId, agent, messageId],
  )
  return found.rows.map(listed)[0]
}

/** Remembers that the recipient has been given these messages. Safe to call twice. */
export async function insertFetches(
  trx: Knex.Transaction,
  { tenantId, agent, positions, at }: InboxKey & { positions: number[]; at: Date },
): Promise<void> {
  if (positions.length === 0) return
  await prepared(
    trx,
    `insert into fetches (tenant_id, recipient, position, fetched_at)
     select ?, ?, position, ? from unnest(?::bigint[]) as position order by position
     on conflict do nothing`,
    [tenantId, agent, at, positions],
  )
}

export interface Answer {
  messageId: string
  from: string
  text: string
  /** In the asker's inbox. */
  position: number
}

/** The first message from `from` to the asker that answers `replyTo`. */
export async function findAnswer(
  trx: Knex.Transaction,
  question: { tenantId: string; asker: string; from: string; replyTo: string },
): Promise<Answer | undefined> {
  const found = await trx.raw<{ rows: InboxRow[] }>(
    `select m.message_id, m.sender, m.text, d.position
       from messages m
       join deliveries d on d.tenant_id = m.tenant_id and d.message_id = m.message_id
      where m.tenant_id = ? and m.reply_to = ? and m.sender = ? and d.recipient = ?
      order by d.position limit 1`,
    [question.tenantId, question.replyTo, question.from, question.asker],
  )
  return found.rows.map((row) => ({
    messageId: row.message_id,
    from: row.sender,
    text: row.text,
    position: Number(row.position),
  }))[0]
}

export function listed(row: InboxRow): Listed {
  return { message: inboxMessageOf(row), fetched: row.fetched }
}

function inboxMessageOf(row: InboxRow): InboxMessage {
  const { acknowledged_at: acknowledgedAt, dead_lettered_at: deadLetteredAt } = row
  return {
    position: Number(row.position),
    messageId: row.message_id,
    from: row.sender,
    kind: row.kind,
    text: row.text,
    contentType: row.content_type,
    ...(row.reply_to === null ? {} : { replyTo: row.reply_to }),
    ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
    ...(row.deadline === null ? {} : { deadline: row.deadline.toISOString() }),
    sentAt: row.sent_at.toISOString(),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.toISOString() }),
    ...(acknowledgedAt === null ? {} : { acknowledgedAt: acknowledgedAt.toISOString() }),
    ...(deadLetteredAt === null ? {} : { deadLetteredAt: deadLetteredAt.toISOString() }),
  }
}
