import pg from 'pg'
import { eventually } from '@mumega/testkit'
import { adminUrlOf, type GivenSuite } from './given-suite.ts'

/** Rows that are locked, so that whoever must change them waits in the middle of a transaction. */
export interface HeldRows {
  /** Resolves when at least so many connections of the service wait for a lock. */
  waitFor(service: string, connections: number): Promise<void>
  /** Cuts the waiting connections off: what they were doing is rolled back. */
  cutOff(): Promise<void>
  /** Lets the waiting ones go on. Safe to call twice. */
  release(): Promise<void>
}

const WAITING = `from pg_stat_activity where wait_event_type = 'Lock' and usename like 'mumega_%'`

/** Locks what this query finds. */
export async function holdRows(suite: GivenSuite, query: string): Promise<HeldRows> {
  const client = new pg.Client({
    connectionString: adminUrlOf(suite),
    connectionTimeoutMillis: 10_000,
    statement_timeout: 10_000,
  })
  await client.connect()
  await client.query('begin')
  await client.query(`${query} for update`)
  let isReleased = false
  return {
    async waitFor(service, connections) {
      const role = `mumega_${service.replaceAll('-', '_')}`
      const waiting = async () => {
        const found = await client.query(`select ${WAITING} and usename = $1`, [role])
        return found.rows.length >= connections
      }
      const what = `${connections} connections of ${service} to wait for a lock`
      await eventually(waiting, { what, timeoutMs: 30_000 })
    },
    async cutOff() {
      await client.query(`select pg_terminate_backend(pid) ${WAITING}`)
    },
    async release() {
      if (isReleased) return
      isReleased = true
      await client.end()
    },
  }
}
