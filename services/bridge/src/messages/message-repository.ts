import type { Static } from 'typebox'
import type { ContentType, InboxMessage } from '@mumega/contracts/bridge'
import type { Knex } from '@mumega/db'
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
  sent_at: Date
}

export async function insertMessage(trx: Knex.Transaction, message: Message): Promise<void> {
  await trx<MessageRow>('messages').insert({
    tenant_id: message.tenantId,
    message_id: message.messageId,
    sender: message.from,
    kind: message.kind,
    text: message.text,
    content_type: message.contentType,
    reply_to: message.replyTo ?? null,
    correlation_id: message.correlationId ?? null,
    deadline: message.deadline ?? null,
    sent_at: message.sentAt,
  })
}

/** Who sent a message of the tenant, and when. */
export async function findSender(
  trx: Knex.Transaction,
  { tenantId, messageId }: { tenantId: string; messageId: string },
): Promise<{ from: string; sentAt: Date } | undefined> {
  const row = await trx<MessageRow>('messages')
    .select('sender', 'sent_at')
    .where({ tenant_id: tenantId, message_id: messageId })
    .first()
  return row === undefined ? undefined : { from: row.sender, sentAt: row.sent_at }
}

/** Whether an agent has sent or received a message. */
export async function isVisibleTo(
  trx: Knex.Transaction,
  { tenantId, messageId, agent }: { tenantId: string; messageId: string; agent: string },
): Promise<boolean> {
  const found = await trx.raw<{ rows: unknown[] }>(
    `select from messages m
      where m.tenant_id = ? and m.message_id = ?
        and (m.sender = ? or exists (
          select from deliveries d
           where d.tenant_id = m.tenant_id and d.message_id = m.message_id and d.recipient = ?))`,
    [tenantId, messageId, agent, agent],
  )
  return found.rows.length > 0
}
