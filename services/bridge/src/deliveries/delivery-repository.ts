import type { Knex } from '@mumega/db'
import { prepared } from '@mumega/db/prepared'
import type { InboxKey } from '../messages/inbox-repository.ts'
import { COUNTED, recordWork, SLOT, uncount } from './settlement-repository.ts'

/** What the sender sees of one message's way to one addressee. */
export interface Delivery {
  to: string
  position: number
  fetched: boolean
  /** The most deliveries to one body. */
  attempts: number
  acknowledgedAt?: Date
  deadLetter?: { at: Date; reason: string }
  expiredAt?: Date
}

interface DeliveryRow {
  recipient: string
  position: string
  acknowledged_at: Date | null
  dead_lettered_at: Date | null
  dead_letter_reason: string | null
  expired_at: Date | null
  attempts: number
  fetched: boolean
}

/** Of the alias `d` of deliveries. */
export const UNSETTLED =
  'd.acknowledged_at is null and d.dead_lettered_at is null and d.expired_at is null'

/** How often the body that was given the message most often was given it. */
const MOST_ATTEMPTS = `(
  select max(l.attempts) from leases l
   where l.tenant_id = d.tenant_id and l.recipient = d.recipient and l.position = d.position)`

/** Locks the delivery until `trx` ends, so that one of two who settle it sees the other. */
export async function findDeliveryForUpdate(
  trx: Knex.Transaction,
  { tenantId, agent, messageId }: InboxKey & { messageId: string },
): Promise<Delivery | undefined> {
  const found = await prepared<DeliveryRow>(
    trx,
    `select d.recipient, d.position, d.acknowledged_at, d.dead_lettered_at, d.dead_letter_reason,
            d.expired_at, d.attempts, true as fetched
       from deliveries d
      where d.tenant_id = ? and d.recipient = ? and d.message_id = ? for update`,
    [tenantId, agent, messageId],
  )
  return found.rows.map(deliveryOf)[0]
}

/** Locks what is not settled of a message, in the order of the agents' names. */
export async function lockUnsettled(
  trx: Knex.Transaction,
  { tenantId, messageId }: { tenantId: string; messageId: string },
): Promise<string[]> {
  const found = await trx.raw<{ rows: DeliveryRow[] }>(
    `select d.recipient from deliveries d
      where d.tenant_id = ? and d.message_id = ? and ${UNSETTLED}
      order by d.recipient for update`,
    [tenantId, messageId],
  )
  return found.rows.map((row) => row.recipient)
}

export type Settlement =
  { how: 'acknowledged' } | { how: 'expired' } | { how: 'dead-lettered'; reason: string }

/**
 * Ends the deliveries of a message to these agents, and every lease of them, but for what is
 * settled already: each is counted once. Needs their locks by an earlier statement, as this one
 * sees no lease that was given while it waited.
 *
 * The rows of the counts come last in every transaction, one of each agent in the order of their
 * names. Whoever has one waits only for a later one, or for a lease, which nobody has who waits for
 * one: no two wait for each other.
 */
export async function settle(
  trx: Knex.Transaction,
  order: { tenantId: string; messageId: string; agents: string[]; at: Date },
  settlement: Settlement,
): Promise<void> {
  const isDead = settlement.how === 'dead-lettered'
  await prepared(
    trx,
    `with done as (
       update deliveries d
          set acknowledged_at = ?, expired_at = ?, dead_lettered_at = ?, dead_letter_reason = ?,
              attempts = greatest(d.attempts, ${MOST_ATTEMPTS})
        where d.tenant_id = ? and d.message_id = ? and d.recipient = any(?) and ${UNSETTLED}
        returning d.tenant_id, d.recipient, d.position),
     given_back as (
       delete from leases l using done d
        where l.tenant_id = d.tenant_id and l.recipient = d.recipient and l.position = d.position)
     insert into settlements as s (tenant_id, agent, slot, settled, last_work_at)
     select d.tenant_id, d.recipient, ${SLOT}, 1, ?::timestamptz from done d order by d.recipient
     ${COUNTED}`,
    [
      settlement.how === 'acknowledged' ? order.at : null,
      settlement.how === 'expired' ? order.at : null,
      isDead ? order.at : null,
      isDead ? settlement.reason : null,
      order.tenantId,
      order.messageId,
      order.agents,
      settlement.how === 'acknowledged' ? order.at : null,
    ],
  )
}

/** An acknowledgement that comes after the delivery was settled otherwise. Needs its lock. */
export async function acknowledgeLate(
  trx: Knex.Transaction,
  { tenantId, agent, position, at }: InboxKey & { position: number; at: Date },
): Promise<void> {
  await trx('deliveries')
    .where({ tenant_id: tenantId, recipient: agent, position })
    .update({ acknowledged_at: at })
  await recordWork(trx, { tenantId, agent, position, at })
}

/** Makes a dead letter a message of the inbox again. Needs its lock, and to be done last. */
export async function revive(
  trx: Knex.Transaction,
  { tenantId, agent, position }: InboxKey & { position: number },
): Promise<void> {
  await trx('deliveries')
    .where({ tenant_id: tenantId, recipient: agent, position })
    .update({ dead_lettered_at: null, dead_letter_reason: null })
  await uncount(trx, { tenantId, agent, position })
}

/** The deliveries of one message, sorted by recipient. */
export async function listDeliveries(
  trx: Knex.Transaction,
  page: { tenantId: string; messageId: string; limit: number },
): Promise<Delivery[]> {
  const found = await trx.raw<{ rows: DeliveryRow[] }>(
    `select d.recipient, d.position, d.acknowledged_at, d.dead_lettered_at, d.dead_letter_reason,
            d.expired_at, f.fetched_at is not null as fetched,
            greatest(d.attempts, ${MOST_ATTEMPTS}) as attempts
       from deliveries d
       left join fetches f on f.tenant_id = d.tenant_id and f.recipient = d.recipient
        and f.position = d.position
      where d.tenant_id = ? and d.message_id = ?
      order by d.recipient limit ?`,
    [page.tenantId, page.messageId, page.limit],
  )
  return found.rows.map(deliveryOf)
}

export interface DeadDelivery {
  messageId: string
  from: string
  to: string
  position: number
  reason: string
  attempts: number
  sentAt: Date
  deadLetteredAt: Date
}

/** Where a page of dead letters ends. */
export type DeadPlace = Pick<DeadDelivery, 'deadLetteredAt' | 'to' | 'position'>

/** What is a dead letter now, newest first, from the first one before `before`. */
export async function listDeadBefore(
  trx: Knex.Transaction,
  page: { tenantId: string; before: DeadPlace | undefined; limit: number },
): Promise<DeadDelivery[]> {
  const { before } = page
  const found = await trx.raw<{
    rows: (DeliveryRow & { message_id: string; sender: string; sent_at: Date })[]
  }>(
    `select d.*, m.sender, m.sent_at, true as fetched
       from deliveries d
       join messages m on m.tenant_id = d.tenant_id and m.message_id = d.message_id
      where d.tenant_id = ? and d.dead_lettered_at is not null and d.acknowledged_at is null
        ${before === undefined ? '' : 'and (d.dead_lettered_at, d.recipient, d.position) < (?, ?, ?)'}
      order by d.dead_lettered_at desc, d.recipient desc, d.position desc limit ?`,
    [
      page.tenantId,
      ...(before === undefined ? [] : [before.deadLetteredAt, before.to, before.position]),
      page.limit,
    ],
  )
  return found.rows.map((row) => ({
    messageId: row.message_id,
    from: row.sender,
    to: row.recipient,
    position: Number(row.position),
    reason: row.dead_letter_reason ?? '',
    attempts: row.attempts,
    sentAt: row.sent_at,
    // Selected by being there.
    deadLetteredAt: row.dead_lettered_at as Date,
  }))
}

function deliveryOf(row: DeliveryRow): Delivery {
  const { dead_lettered_at: deadAt, dead_letter_reason: reason } = row
  return {
    to: row.recipient,
    position: Number(row.position),
    fetched: row.fetched,
    attempts: row.attempts,
    ...(row.acknowledged_at === null ? {} : { acknowledgedAt: row.acknowledged_at }),
    ...(deadAt === null || reason === null ? {} : { deadLetter: { at: deadAt, reason } }),
    ...(row.expired_at === null ? {} : { expiredAt: row.expired_at }),
  }
}
