import type { Client } from 'pg'
import type { Knex } from 'knex'
import { auditAppend } from '@mumega/contracts/audit'
import { tryAdvisoryLock } from './advisory-lock.ts'
import { outboxListeners } from './db.ts'
import { prepared } from './prepared.ts'
import { asUnavailable } from './unavailable.ts'

/** One row to publish, in order. For an audit row `payload` is its intent, with its number. */
export interface OutboxMessage {
  position: number
  subject: string
  messageId: string
  payload: unknown
  headers: Record<string, string>
  audit: boolean
}

export interface Outbox {
  /**
   * The oldest rows, at most `limit`; none while another instance of the service holds the outbox.
   */
  claim(limit: number): Promise<OutboxMessage[]>
  /** Forgets rows that the server has acknowledged. */
  confirm(positions: number[]): Promise<void>
  /** Called after each commit of this process that may have written a row. */
  onWritten(listener: () => void): void
  /** Rows that wait; counting stops at 100,000. */
  countPending(): Promise<number>
  close(): Promise<void>
}

interface ClaimedRow {
  position: string
  audit: boolean
  subject: string
  message_id: string
  payload: string
  headers: string
  number: string | null
}

const PENDING_MAX = 100_000
const REQUESTS_KEPT_DAYS = 30
const PRUNE_EVERY_MS = 3_600_000
const PRUNE_ROWS_MAX = 10_000

// One statement, hence one snapshot: numbers are given in the order of positions and are on disk
// before the first publication, so that a crash cannot give two intents one number.
const CLAIM = {
  name: 'claim',
  text: `
  with claimed as materialized (
    select position, audit, subject, message_id, payload, headers, number
      from outbox order by position limit $1),
  fresh as (
    select position, row_number() over (order by position) as nth
      from claimed where audit and number is null),
  counter as (
    update outbox_counter set last_number = last_number + (select count(*) from fresh)
     where exists (select from fresh)
     returning last_number - (select count(*) from fresh) as before),
  numbered as (
    update outbox set number = counter.before + fresh.nth from fresh, counter
     where outbox.position = fresh.position
     returning outbox.position, outbox.number)
  select claimed.position, audit, subject, message_id, payload, headers,
         coalesce(claimed.number, numbered.number) as number
    from claimed left join numbered using (position) order by claimed.position`,
}

/**
 * Opens the outbox of one service's schema for its relay. One instance at a time holds it, by an
 * advisory lock of its own connection, so that rows go out in order; the others get nothing and
 * take over when it dies.
 */
export function openOutbox(db: Knex, service: string): Outbox {
  let held: Promise<Client | undefined> | undefined
  let prunedAtMs = 0

  function letGo(holder: typeof held): void {
    // A late event of an older connection must not drop the one that holds the lock now.
    if (held === holder) held = undefined
  }

  function hold(): Promise<Client | undefined> {
    const holder = tryAdvisoryLock(db, () => {
      letGo(holder)
    })
    held = holder
    return holder
  }

  async function use<Result>(
    run: (client: Client) => Promise<Result>,
  ): Promise<Result | undefined> {
    return asUnavailable(async () => {
      const holder = held ?? hold()
      try {
        const client = await holder
        if (client !== undefined) return await run(client)
        letGo(holder)
        return undefined
      } catch (error) {
        letGo(holder)
        await holder.then((client) => client?.end()).catch(() => undefined)
        throw error
      }
    })
  }

  return {
    async claim(limit) {
      const rows = await use(async (client) => {
        if (Date.now() - prunedAtMs > PRUNE_EVERY_MS) {
          await prune(client)
          prunedAtMs = Date.now()
        }
        return (await client.query<ClaimedRow>({ ...CLAIM, values: [limit] })).rows
      })
      return (rows ?? []).map((row) => messageOf(row, service))
    },
    async confirm(positions) {
      await asUnavailable(() =>
        prepared(db, 'delete from outbox where position = any(?::bigint[])', [positions]),
      )
    },
    onWritten(listener) {
      outboxListeners(db).add(listener)
    },
    async countPending() {
      const found = await asUnavailable(() =>
        db.raw<{ rows: { pending: string }[] }>(
          'select count(*) as pending from (select from outbox limit ?) as rows',
          [PENDING_MAX],
        ),
      )
      return Number(found.rows[0]?.pending)
    },
    async close() {
      const client = await held?.catch(() => undefined)
      held = undefined
      await client?.end()
    },
  }
}

async function prune(client: Client): Promise<void> {
  await client.query(
    `delete from processed_requests where request_id in (
       select request_id from processed_requests
        where processed_at < now() - make_interval(days => $1) order by processed_at limit $2)`,
    [REQUESTS_KEPT_DAYS, PRUNE_ROWS_MAX],
  )
}

function messageOf(row: ClaimedRow, service: string): OutboxMessage {
  const payload: unknown = JSON.parse(row.payload)
  // Written by act() as an object of texts.
  const headers = JSON.parse(row.headers) as Record<string, string>
  return {
    position: Number(row.position),
    subject: row.audit ? auditAppend(service).subject : row.subject,
    messageId: row.message_id,
    payload: row.audit ? { ...(payload as object), number: Number(row.number) } : payload,
    headers,
    audit: row.audit,
  }
}
