import pg from 'pg'
import { decodeEntry, entryHash, type LeafEntry } from '@mumega/tlog/entry'
import { adminUrlOf, type GivenSuite } from './given-suite.ts'

/** What is in the database itself, read past every service. */
export interface Stored {
  /** Of the bridge's messages of this tenant. */
  messageIds(tenantId: string): Promise<string[]>
  /** The whole log, in its order. */
  log(): Promise<LoggedEntry[]>
  /** What each service numbered its intents with, sorted, by service. */
  intentNumbers(): Promise<Map<string, number[]>>
  /** Rows of every table that must stay empty: drops, conflicts and dead letters. */
  mishaps(): Promise<Record<string, number>>
  /** What the services have not published yet. */
  unpublished(): Promise<number>
  readonly close: () => Promise<void>
}

export interface LoggedEntry {
  readonly index: number
  /** Hex SHA-256 of its bytes. */
  readonly hash: string
  readonly entry: LeafEntry
}

const LENGTH_BYTES = 2
const MISHAPS = [
  'audit_ledger.audit_chain_drops',
  'audit_ledger.audit_chain_conflicts',
  'bridge.dead_letters',
]
const OUTBOXES = ['gateway.outbox', 'bridge.outbox', 'audit_ledger.outbox']

/** Connects to the suite's PostgreSQL as its administrator. */
export async function openStored(suite: GivenSuite): Promise<Stored> {
  const client = new pg.Client({
    connectionString: adminUrlOf(suite),
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
  })
  await client.connect()
  const rowsOf = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
    (await client.query<Row>(sql, values)).rows
  const count = async (table: string) =>
    Number((await rowsOf<{ rows: string }>(`select count(*) as rows from ${table}`))[0]?.rows)

  return {
    async messageIds(tenantId) {
      const sql = 'select message_id from bridge.messages where tenant_id = $1 order by message_id'
      return (await rowsOf<{ message_id: string }>(sql, [tenantId])).map((row) => row.message_id)
    },
    async log() {
      const sql =
        'select first_index, count, entries from audit_ledger.event_batches order by first_index'
      return (await rowsOf<BatchRow>(sql)).flatMap(entriesOf)
    },
    async intentNumbers() {
      const sql = `select source, array_agg(number::integer order by number) as numbers
                     from audit_ledger.event_keys group by source`
      const found = await rowsOf<{ source: string; numbers: number[] }>(sql)
      return new Map(found.map(({ source, numbers }) => [source, numbers]))
    },
    async mishaps() {
      const counted = await Promise.all(MISHAPS.map(async (table) => [table, await count(table)]))
      return Object.fromEntries(counted) as Record<string, number>
    },
    async unpublished() {
      const waiting = await Promise.all(OUTBOXES.map(count))
      return waiting.reduce((sum, rows) => sum + rows, 0)
    },
    close: () => client.end(),
  }
}

interface BatchRow {
  first_index: string
  count: number
  /** Each entry behind its length in two bytes, big endian. */
  entries: Buffer
}

function entriesOf({ first_index: first, count, entries }: BatchRow): LoggedEntry[] {
  const found: LoggedEntry[] = []
  let at = 0
  for (let nth = 0; nth < count; nth += 1) {
    const from = at + LENGTH_BYTES
    at = from + entries.readUInt16BE(at)
    const bytes = entries.subarray(from, at)
    const hash = entryHash(bytes).toString('hex')
    found.push({ index: Number(first) + nth, hash, entry: decodeEntry(bytes) })
  }
  return found
}
