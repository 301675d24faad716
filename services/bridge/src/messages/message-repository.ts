import type { Static } from 'typebox'
import type { ContentType, InboxMessage } from '@mumega/contracts/bridge'
import type { Knex } from '@mumega/db'
import { prepared } from '@mumega/db/prepared'
import { SETTLED } from '../deliveries/settlement-repository.ts'
import type { Message } from './message.ts'

export interface MessageRow {
  tenant_id: string
  message_id: string
  sender: string
  kind: InboxMessage['kind']
  text: string
  content_type: Static<typeof ContentType>
  reply_to: string | null
  correlation_id: string | null
  deadline: Date | null
  expires_at: Date | null
  sent_at: Date
}

/** The place that an inbox has just given away. */
export interface Place {
  agent: string
  position: number
  /**
   * Messages that are not settled, this one included. Those that are settled while the place is
   * waited for may be counted in.
   */
  unread: number
}

// One statement, because every other message to these inboxes waits from here until the commit.
const INSERT_WITH_PLACES = `
  with place as (
    update inboxes i set last_position = i.last_position + 1
     where i.tenant_id = ? and i.agent = any(?)
     returning i.agent, i.last_position as position, i.last_position - ${SETTLED} as unread),
  message as (
    insert into messages (tenant_id, message_id, sender, kind, text, content_type, reply_to,
                          correlation_id, deadline, expires_at, sent_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    returning tenant_id, message_id, expires_at),
  expiry as (
    insert into expiries (tenant_id, message_id, expires_at)
    select tenant_id, message_id, expires_at from message where expires_at is not null),
  delivery as (
    insert into deliveries (tenant_id, recipient, position, message_id)
    select message.tenant_id, place.agent, place.position, message.message_id from place, message)
  select agent, position, unread from place`

/**
 * Stores a message with the next position in each recipient's inbox, and holds the locks of these
 * inboxes until `trx` ends, so that positions become visible in their order. Several inboxes must
 * have been locked by `lockInboxes` before, in order. Who has no inbox has no place in the
 * answer.
 */
export async function insertWithPlaces(
  trx: Knex.Transaction,
  message: Message,
  recipients: string[],
): Promise<Place[]> {
  const taken = await prepared<{ agent: string; position: string; unread: string }>(
    trx,
    INSERT_WITH_PLACES,
    [
      message.tenantId,
      recipients,
      message.tenantId,
      message.messageId,
      message.from,
      message.kind,
      message.text,
      message.contentType,
      message.replyTo ?? null,
      message.correlationId ?? null,
      message.deadline ?? null,
      message.expiresAt ?? null,
      message.sentAt,
    ],
  )
  return taken.rows.map(({ agent, position, unread }) => ({
    agent,
    position: Number(position),
    unread: Number(unread),
  }))
}

/** Who sent a message of the tenant, when, and until when it is worth something. */
export async function findSender(
  trx: Knex.Transaction,
  { tenantId, messageId }: { tenantId: string; messageId: string },
): Promise<{ from: string; sentAt: Date; expiresAt: Date | undefined } | undefined> {
  const row = await trx<MessageRow>('messages')
    .select('sender', 'sent_at', 'expires_at')
    .where({ tenant_id: tenantId, message_id: messageId })
    .first()
  if (row === undefined) return undefined
  return { from: row.sender, sentAt: row.sent_at, expiresAt: row.expires_at ?? undefined }
}

/**
 * Who sent a message, and whether the agent has received it; undefined where it has neither sent
 * nor received it.
 */
export async function findQuestion(
  trx: Knex.Transaction,
  { tenantId, messageId, agent }: { tenantId: string; messageId: string; agent: string },
): Promise<{ from: string; isReceived: boolean } | undefined> {
  const found = await trx.raw<{ rows: { sender: string; received: boolean }[] }>(
    `select m.sender, d.recipient is not null as received
       from messages m
       left join deliveries d on d.tenant_id = m.tenant_id and d.message_id = m.message_id
        and d.recipient = ?
      where m.tenant_id = ? and m.message_id = ? and (m.sender = ? or d.recipient is not null)`,
    [agent, tenantId, messageId, agent],
  )
  return found.rows.map(({ sender, received }) => ({ from: sender, isReceived: received }))[0]
}

/** What a message has beside what the bus says of it. */
export interface StoredMessage {
  messageId: string
  text: string
  contentType: Static<typeof ContentType>
  correlationId?: string
  deadline?: Date
  expiresAt?: Date
}

/** Messages of the tenant by their ids, in any order. */
export async function listMessages(
  trx: Knex.Transaction,
  { tenantId, messageIds }: { tenantId: string; messageIds: readonly string[] },
): Promise<StoredMessage[]> {
  const rows = await trx<MessageRow>('messages')
    .select('message_id', 'text', 'content_type', 'correlation_id', 'deadline', 'expires_at')
    .where({ tenant_id: tenantId })
    .whereIn('message_id', messageIds)
  return rows.map((row) => ({
    messageId: row.message_id,
    text: row.text,
    contentType: row.content_type,
    ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
    ...(row.deadline === null ? {} : { deadline: row.deadline }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
  }))
}
