import { Client } from 'pg'
import { jetstreamManager } from '@nats-io/jetstream'
import { connectBus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { OF_THE_COMMIT } from './given.ts'

export interface Log {
  suite: TestSuite
  admin: Client
  sealed(): Promise<{ id: string; seq: number; chain: string }[]>
  /** As if the lease of a ledger that was killed had run out, so that nobody has to wait for it. */
  expireLease(): Promise<void>
  /** Messages of the stream that are not acknowledged. */
  unacknowledged(): Promise<number>
  stop(): Promise<void>
}

/** The ledger as a process of its own. */
export async function givenProcess({
  onLine,
  leaseMs = 2_000,
}: {
  onLine?: (line: string) => void
  leaseMs?: number
} = {}): Promise<Log> {
  const suite = await startTestSuite({
    services: ['audit-ledger'],
    env: { 'audit-ledger': { LEDGER_LEASE_MS: String(leaseMs) } },
    ...(onLine !== undefined && { onLine }),
  })
  const admin = new Client({ connectionString: suite.database.adminUrl })
  await admin.connect()
  await admin.query('set search_path = audit_ledger')
  const streams = await connectBus({
    natsUrl: suite.nats.url,
    nkeySeed: suite.nats.adminSeed,
    service: 'admin',
    clock: systemClock,
  })
  return {
    suite,
    admin,
    async expireLease() {
      await admin.query(`update log_head set lease_expires_at = '-infinity'`)
    },
    async unacknowledged() {
      const manager = await jetstreamManager(streams.connection)
      const consumer = await manager.consumers.info('AUDIT', 'audit-ledger')
      return consumer.num_ack_pending + consumer.num_pending
    },
    async sealed() {
      const { rows } = await admin.query<{ id: string; seq: string; chain: string }>(
        'select id, seq, chain from event_keys order by log_index',
      )
      return rows.map((row) => ({ ...row, seq: Number(row.seq) }))
    },
    async stop() {
      await admin.end()
      await streams.drain()
      await suite.stop()
    },
  }
}

export async function untilCommitWaits({ admin }: Log): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await admin.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
            and ${OF_THE_COMMIT}`,
      )
      return rows.length > 0
    },
    { what: 'the commit that waits for the lock' },
  )
}
