import type { Knex } from '@mumega/db'
import type { InboxMessage } from '@mumega/contracts/bridge'
import type { MessageRow } from './message-repository.ts'

/** Names one agent's inbox. */
export interface InboxKey {
  tenantId: string
  agent: string
}

export interface Delivery {
  to: string
  position: number
  fetched: boolean
  acknowledgedAt?: Date
}

interface DeliveryRow {
  recipient: string
  position: string
  acknowledged_at: Date | null
  fetched: boolean
}

/**
 * Locks the inboxes of all agents but one, sorted by name: in one order everywhere, so no two can
 * deadlock.
 */
export async function lockOtherInboxes(
  trx: Knex.Transaction,
  { tenantId, agent, limit }: InboxKey & { limit: number },
): Promise<string[]> {
  const locked = await trx.raw<{ rows: { agent: string }[] }>(
    `select agent from inboxes where tenant_id = ? and agent <> ?
      order by agent limit ? for update`,
    [tenantId, agent, limit],
  )
  return locked.rows.map((row) => row.agent)
}

export async function hasInbox(
  trx: Knex.Transaction,
  { tenantId, agent }: InboxKey,
): Promise<boolean> {
  const row = await trx<{ tenant_id: string; agent: string }>('inboxes')
    .select('agent')
    .where({ tenant_id: tenantId, agent })
    .first()
  return row !== undefined
}

export interface InboxPage extends InboxKey {
  after: number
  limit: number
  unreadOnly: boolean
}

/** Oldest first, each with whether it was fetched before. */
export async function listInboxAfter(
  trx: Knex.Transaction,
  page: InboxPage,
): Promise<{ message: InboxMessage; fetched: boolean }[]> {
  const found = await trx.raw<{ rows: (MessageRow & DeliveryRow)[] }>(
    `select m.*, d.position, d.acknowledged_at, f.fetched_at is not null as fetched
       from deliveries d
       join messages m on m.tenant_id = d.tenant_id and m.message_id = d.message_id
       left join fetches f on f.tenant_id = d.tenant_id and f.recipient = d.recipient
        and f.position = d.position
      where d.tenant_id = ? and d.recipient = ? and d.position > ?
        ${page.unreadOnly ? 'and d.acknowledged_at is null' : ''}
      order by d.position limit ?`,
    [page.tenantId, page.agent, page.after, page.limit],
  )
  return found.rows.map((row) => ({ message: inboxMessageOf(row), fetched: row.fetched }))
}

/** Remembers that the recipient has been given these messages. Safe to call twice. */
export async function insertFetches(
  trx: Knex.Transaction,
  { tenantId, agent, positions, at }: InboxKey & { positions: number[]; at: Date },
): Promise<void> {
  if (positions.length === 0) return
  await trx.raw(
    `insert into fetches (tenant_id, recipient, position, fetched_at)
     select ?, ?, position, ? from unnest(?::bigint[]) as position order by position
     on conflict do nothing`,
    [tenantId, agent, at, positions],
  )
}

/** Locks the delivery until `trx` ends, so that one of two acknowledgements sees the other. */
export async function findDeliveryForUpdate(
  trx: Knex.Transaction,
  { tenantId, agent, messageId }: InboxKey & { messageId: string },
): Promise<{ position: number; acknowledgedAt?: Date } | undefined> {
  const row = await trx<DeliveryRow & { tenant_id: string; message_id: string }>('deliveries')
    .select('position', 'acknowledged_at')
    .where({ tenant_id: tenantId, recipient: agent, message_id: messageId })
    .forUpdate()
    .first()
  if (row === undefined) return undefined
  return {
    position: Number(row.position),
    ...(row.acknowledged_at === null ? {} : { acknowledgedAt: row.acknowledged_at }),
  }
}

/** Needs the lock of `findDeliveryForUpdate`: the count of the inbox changes with the delivery. */
export async function updateAcknowledged(
  trx: Knex.Transaction,
  { tenantId, agent, position, at }: InboxKey & { position: number; at: Date },
): Promise<void> {
  await trx('deliveries')
    .where({ tenant_id: tenantId, recipient: agent, position })
    .update({ acknowledged_at: at })
  await trx('inboxes').where({ tenant_id: tenantId, agent }).increment('acknowledged', 1)
}

/** The deliveries of one message, sorted by recipient. */
export async function listDeliveries(
  trx: Knex.Transaction,
  page: { tenantId: string; messageId: string; limit: number },
): Promise<Delivery[]> {
  const found = await trx.raw<{ rows: DeliveryRow[] }>(
    `select d.recipient, d.position, d.acknowledged_at, f.fetched_at is not null as fetched
       from deliveries d
       left join fetches f on f.tenant_id = d.tenant_id and f.recipient = d.recipient
        and f.position = d.position
      where d.tenant_id = ? and d.message_id = ?
      order by d.recipient limit ?`,
    [page.tenantId, page.messageId, page.limit],
  )
  return found.rows.map((row) => ({
    to: row.recipient,
    position: Number(row.position),
    fetched: row.fetched,
    ...(row.acknowledged_at === null ? {} : { acknowledgedAt: row.acknowledged_at }),
  }))
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
  const found = await trx.raw<{ rows: (MessageRow & DeliveryRow)[] }>(
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

function inboxMessageOf(row: MessageRow & DeliveryRow): InboxMessage {
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
    ...(row.acknowledged_at === null ? {} : { acknowledgedAt: row.acknowledged_at.toISOString() }),
  }
}
