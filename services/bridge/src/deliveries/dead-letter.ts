import { messageDeadLettered } from '@mumega/contracts/deliveries'
import type { Knex } from '@mumega/db'
import { outgoing, type AuditRecord, type OutgoingEvent } from '@mumega/db/act'
import { settle } from './delivery-repository.ts'

export interface DeadLetterOrder {
  tenantId: string
  agent: string
  messageId: string
  at: Date
  reason: string
}

/** Gives a message up for one addressee; what that is on record. Needs the delivery's lock. */
export async function deadLetter(
  trx: Knex.Transaction,
  { tenantId, agent, messageId, at, reason }: DeadLetterOrder,
): Promise<{ audit: AuditRecord[]; events: OutgoingEvent[] }> {
  const order = { tenantId, messageId, agents: [agent], at }
  await settle(trx, order, { how: 'dead-lettered', reason })
  return {
    audit: [
      {
        action: 'message.dead-lettered',
        target: `message:${messageId}`,
        payload: { agent, reason },
      },
    ],
    events: [outgoing(messageDeadLettered, { tenantId, agent, messageId, reason })],
  }
}
