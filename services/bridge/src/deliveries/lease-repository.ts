import { LEASE_SECONDS, type ReceivedMessage } from '@mumega/contracts/deliveries'
import type { Knex } from '@mumega/db'
import { prepared } from '@mumega/db/prepared'
import {
  INBOX_COLUMNS,
  INBOX_TABLES,
  listed,
  UNEXPIRED,
  type InboxRow,
  type Listed,
} from '../messages/inbox-repository.ts'
import type { BodyKey } from './body-repository.ts'
import { UNSETTLED } from './delivery-repository.ts'

/** Deliveries to one body before a message is given up. */
const ATTEMPTS_MAX = LEASE_SECONDS.length

/** What a body may be given, and how often it was. */
export interface Candidate extends Listed {
  isSettled: boolean
  attempts: number
}

interface CandidateRow extends InboxRow {
  is_settled: boolean
  attempts: number
}

export interface Lease {
  position: number
  attempts: number
  endsAt: Date
}

/**
 * What was leased to a body, is not settled and comes again now, oldest first. Locks it against
 * being settled until `trx` ends.
 */
export async function listDueAgain(
  trx: Knex.Transaction,
  { tenantId, agent, body, now, limit }: BodyKey & { now: Date; limit: number },
): Promise<Candidate[]> {
  const found = await prepared<CandidateRow>(
    trx,
    `select ${INBOX_COLUMNS}, false as is_settled, l.attempts
       from ${INBOX_TABLES}
       join leases l on l.tenant_id = d.tenant_id and l.recipient = d.recipient
        and l.position = d.position
      where l.tenant_id = ? and l.recipient = ? and l.body = ? and l.ends_at <= ?
        and l.attempts < ? and ${UNSETTLED} and ${UNEXPIRED}
      order by d.position limit ? for share of d`,
    [tenantId, agent, body, now, ATTEMPTS_MAX, now, limit],
  )
  return found.rows.map(candidateOf)
}

/**
 * What is in an inbox after a cursor and has not expired, oldest first. Locks it against being
 * settled until `trx` ends.
 */
export async function listNew(
  trx: Knex.Transaction,
  page: BodyKey & { now: Date; after: number; limit: number },
): Promise<Candidate[]> {
  const found = await prepared<CandidateRow>(
    trx,
    `select ${INBOX_COLUMNS}, not (${UNSETTLED}) as is_settled, 0 as attempts
       from ${INBOX_TABLES}
      where d.tenant_id = ? and d.recipient = ? and d.position > ? and ${UNEXPIRED}
      order by d.position limit ? for share of d`,
    [page.tenantId, page.agent, page.after, page.now, page.limit],
  )
  return found.rows.map(candidateOf)
}

/** What a call was given before and the body still holds, oldest first. */
export async function listGiven(
  trx: Knex.Transaction,
  call: BodyKey & { claimId: string | undefined; now: Date; limit: number },
): Promise<ReceivedMessage[]> {
  const { tenantId, agent, body, claimId, now, limit } = call
  if (claimId === undefined) return []
  const found = await prepared<InboxRow & { attempts: number; ends_at: Date }>(
    trx,
    `select ${INBOX_COLUMNS}, l.attempts, l.ends_at
       from ${INBOX_TABLES}
       join leases l on l.tenant_id = d.tenant_id and l.recipient = d.recipient
        and l.position = d.position
      where l.tenant_id = ? and l.recipient = ? and l.body = ? and l.claim_id = ?
        and l.ends_at > ? and ${UNSETTLED} and ${UNEXPIRED}
      order by d.position limit ?`,
    [tenantId, agent, body, claimId, now, now, limit],
  )
  return found.rows.map((row) => ({
    ...listed(row).message,
    attempt: row.attempts,
    leaseUntil: row.ends_at.toISOString(),
  }))
}

/** Leases these to a body, or anew. Needs the locks of the lists above. */
export async function upsertLeases(
  trx: Knex.Transaction,
  {
    tenantId,
    agent,
    body,
    claimId,
    leases,
  }: BodyKey & { claimId: string | undefined; leases: readonly Lease[] },
): Promise<void> {
  if (leases.length === 0) return
  await prepared(
    trx,
    `insert into leases (tenant_id, recipient, body, claim_id, position, attempts, ends_at)
     select ?, ?, ?, ?::uuid, position, attempts, ends_at
       from unnest(?::bigint[], ?::smallint[], ?::timestamptz[])
         as given (position, attempts, ends_at)
     on conflict (tenant_id, recipient, position, body) do update
       set attempts = excluded.attempts, ends_at = excluded.ends_at,
           claim_id = excluded.claim_id`,
    [
      tenantId,
      agent,
      body,
      claimId ?? null,
      leases.map(({ position }) => position),
      leases.map(({ attempts }) => attempts),
      leases.map(({ endsAt }) => endsAt),
    ],
  )
}

/** When the first of a body's leases will end after which a message comes again. */
export async function findNextEnd(
  trx: Knex.Transaction,
  { tenantId, agent, body, now }: BodyKey & { now: Date },
): Promise<Date | undefined> {
  const found = await prepared<{ ends_at: Date }>(
    trx,
    `select ends_at from leases
      where tenant_id = ? and recipient = ? and body = ? and attempts < ? and ends_at > ?
      order by ends_at limit 1`,
    [tenantId, agent, body, ATTEMPTS_MAX, now],
  )
  return found.rows.map((row) => row.ends_at)[0]
}

/** False when the body, or its process with this delivery, does not hold the message any more. */
export async function updateLeaseEnd(
  trx: Knex.Transaction,
  hold: BodyKey & { position: number; attempt: number | undefined; now: Date; endsAt: Date },
): Promise<boolean> {
  const updated = await trx('leases')
    .where({
      tenant_id: hold.tenantId,
      recipient: hold.agent,
      body: hold.body,
      position: hold.position,
      ...(hold.attempt !== undefined && { attempts: hold.attempt }),
    })
    .where('ends_at', '>', hold.now)
    .update({ ends_at: hold.endsAt })
  return updated === 1
}

/** Lets every body that has passed a position be given what is there, as if for the first time. */
export async function renewLeases(
  trx: Knex.Transaction,
  { tenantId, agent, position, now }: Omit<BodyKey, 'body'> & { position: number; now: Date },
): Promise<void> {
  await trx.raw(
    `insert into leases (tenant_id, recipient, body, position, attempts, ends_at)
     select tenant_id, agent, body, ?, 0, ? from bodies
      where tenant_id = ? and agent = ? and cursor >= ?
     on conflict (tenant_id, recipient, position, body) do update
       set attempts = 0, ends_at = excluded.ends_at`,
    [position, now, tenantId, agent, position],
  )
}

/** A message that one body was given as often as it may be. */
export interface UsedUp {
  tenantId: string
  agent: string
  position: number
  messageId: string
  body: string
}

const USED_UP = `l.attempts = ? and l.ends_at <= ?
  and not exists (select from leases o
                   where o.tenant_id = l.tenant_id and o.recipient = l.recipient
                     and o.position = l.position and o.ends_at > ?)`

/**
 * What some body has used up and no other body holds, oldest first, of all tenants: it needs the
 * substrate's context, which sees no texts.
 */
export async function listUsedUp(
  trx: Knex.Transaction,
  { now, limit }: { now: Date; limit: number },
): Promise<Omit<UsedUp, 'messageId'>[]> {
  const found = await trx.raw<{
    rows: { tenant_id: string; recipient: string; position: string; body: string }[]
  }>(
    `select l.tenant_id, l.recipient, l.position, l.body from leases l
      where ${USED_UP} order by l.ends_at limit ?`,
    [ATTEMPTS_MAX, now, now, limit],
  )
  return found.rows.map((row) => ({
    tenantId: row.tenant_id,
    agent: row.recipient,
    position: Number(row.position),
    body: row.body,
  }))
}

/** Whether it still is so, with its delivery locked; undefined when not. */
export async function lockUsedUp(
  trx: Knex.Transaction,
  { tenantId, agent, position, body, now }: Omit<UsedUp, 'messageId'> & { now: Date },
): Promise<UsedUp | undefined> {
  const locked = await trx.raw<{ rows: { message_id: string }[] }>(
    `select d.message_id from deliveries d
      where d.tenant_id = ? and d.recipient = ? and d.position = ? and ${UNSETTLED} for update`,
    [tenantId, agent, position],
  )
  const messageId = locked.rows[0]?.message_id
  if (messageId === undefined) return undefined
  // Only now: while the lock was waited for, the body may have held it longer.
  const still = await trx.raw<{ rows: unknown[] }>(
    `select from leases l
      where l.tenant_id = ? and l.recipient = ? and l.position = ? and l.body = ? and ${USED_UP}`,
    [tenantId, agent, position, body, ATTEMPTS_MAX, now, now],
  )
  return still.rows.length === 0 ? undefined : { tenantId, agent, position, messageId, body }
}

function candidateOf(row: CandidateRow): Candidate {
  return { ...listed(row), isSettled: row.is_settled, attempts: row.attempts }
}
