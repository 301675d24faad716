import { BODIES_MAX } from '@mumega/contracts/deliveries'
import type { Knex } from '@mumega/db'
import { takeLock } from '@mumega/db/named-lock'
import { prepared } from '@mumega/db/prepared'
import type { InboxKey } from '../messages/inbox-repository.ts'
import { UNSETTLED } from './delivery-repository.ts'

/** Names one body of one agent. */
export interface BodyKey extends InboxKey {
  body: string
}

export interface Body {
  body: string
  /** The position up to which it has been given the inbox. */
  cursor: number
  leased: number
  createdAt: Date
  lastReceivedAt: Date
}

interface BodyRow {
  body: string
  cursor: string
  leased: string
  created_at: Date
  last_received_at: Date
}

/** The cursor of a body, which is locked until `trx` ends: one gets its mail at a time. */
export async function lockCursor(
  trx: Knex.Transaction,
  { tenantId, agent, body }: BodyKey,
): Promise<number | undefined> {
  const found = await prepared<{ cursor: string }>(
    trx,
    'select cursor from bodies where tenant_id = ? and agent = ? and body = ? for no key update',
    [tenantId, agent, body],
  )
  return found.rows.map(({ cursor }) => Number(cursor))[0]
}

/**
 * Which bodies an agent has stays as it is until `trx` ends. Taken before any other lock, but by
 * `addBody` after the want of a row. Not the inbox's own lock, for which every message to it would
 * wait.
 */
export async function lockBodies(
  trx: Knex.Transaction,
  { tenantId, agent }: InboxKey,
): Promise<void> {
  await takeLock(trx, `bodies/${tenantId}/${agent}`)
}

/**
 * Adds a body that begins at the oldest message that is not settled. False when the agent has as
 * many as it may. One that another transaction has just added is left as it is.
 */
export async function addBody(
  trx: Knex.Transaction,
  { tenantId, agent, body, now }: BodyKey & { now: Date },
): Promise<boolean> {
  await lockBodies(trx, { tenantId, agent })
  const added = await trx.raw<{ rowCount: number }>(
    `insert into bodies (tenant_id, agent, body, cursor, created_at, last_received_at)
     select i.tenant_id, i.agent, ?, coalesce(
              (select d.position - 1 from deliveries d
                where d.tenant_id = i.tenant_id and d.recipient = i.agent and ${UNSETTLED}
                order by d.position limit 1),
              i.last_position), ?, ?
       from inboxes i
      where i.tenant_id = ? and i.agent = ?
        and (select count(*) from bodies b
              where b.tenant_id = i.tenant_id and b.agent = i.agent and b.body <> ?) < ?
     on conflict do nothing`,
    [body, now, now, tenantId, agent, body, BODIES_MAX],
  )
  if (added.rowCount === 1) return true
  return (await lockCursor(trx, { tenantId, agent, body })) !== undefined
}

export async function updateCursor(
  trx: Knex.Transaction,
  { tenantId, agent, body, cursor, now }: BodyKey & { cursor: number; now: Date },
): Promise<void> {
  await prepared(
    trx,
    `update bodies set cursor = ?, last_received_at = ?
      where tenant_id = ? and agent = ? and body = ?`,
    [cursor, now, tenantId, agent, body],
  )
}

/** Sorted by name; there are BODIES_MAX at most. */
export async function listBodiesOf(
  trx: Knex.Transaction,
  { tenantId, agent }: InboxKey,
): Promise<Body[]> {
  const found = await trx.raw<{ rows: BodyRow[] }>(
    `select b.body, b.cursor, b.created_at, b.last_received_at,
            (select count(*) from leases l
              where l.tenant_id = b.tenant_id and l.recipient = b.agent and l.body = b.body)
              as leased
       from bodies b
      where b.tenant_id = ? and b.agent = ?
      order by b.body limit ?`,
    [tenantId, agent, BODIES_MAX],
  )
  return found.rows.map((row) => ({
    body: row.body,
    cursor: Number(row.cursor),
    leased: Number(row.leased),
    createdAt: row.created_at,
    lastReceivedAt: row.last_received_at,
  }))
}

/** With its leases. Needs `lockBodies`. */
export async function deleteBody(
  trx: Knex.Transaction,
  { tenantId, agent, body }: BodyKey,
): Promise<void> {
  await trx('bodies').where({ tenant_id: tenantId, agent, body }).delete()
}
