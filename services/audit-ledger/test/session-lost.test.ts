import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Client } from 'pg'
import type { Bus } from '@mumega/bus'
import { getTile, getTimestamp, listTimestamps } from '@mumega/contracts/audit-ledger'
import { exportEntries } from '@mumega/contracts/audit-search'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  OPERATOR,
  publishIntents,
  receiptOf,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { untilSignedUpTo } from './given-scrubber.ts'

const SIZE = 300

let ledger: TestLedger
let bridge: Bus
let id: string

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
  for (let sealed = 0; sealed < SIZE; sealed += 60) {
    await publishIntents(
      bridge,
      Array.from({ length: 60 }, () => anIntent()),
    )
  }
  const keys = await untilSealed(ledger, SIZE)
  await untilSignedUpTo(ledger, SIZE)
  id = keys.at(-1)?.id ?? ''
})
afterAll(() => ledger.stop())

// The table holds up the read that is meant, and none before it.
const READS: [name: string, table: string, ask: () => Promise<unknown>][] = [
  ['the payload of a receipt', 'payload_batches', () => receipt(true)],
  ['the proof of a receipt', 'subtrees', () => receipt(false)],
  ['a tile', 'subtrees', () => tile(1)],
  ['a bundle', 'event_batches', () => tile('entries')],
  ['the entries of an export', 'event_batches', () => exported({})],
  ['what lies between those', 'subtrees', () => exported({ chain: 'zenith' })],
  [
    'a time-stamp',
    'checkpoint_timestamps',
    () => bridge.request(getTimestamp, { size: SIZE }, { context: OPERATOR }),
  ],
  [
    'the list of time-stamps',
    'checkpoint_timestamps',
    () => bridge.request(listTimestamps, { limit: 1 }, { context: OPERATOR }),
  ],
]

async function receipt(disclose: boolean): Promise<unknown> {
  return receiptOf(bridge, { source: 'bridge', id, disclose })
}

async function tile(level: 1 | 'entries'): Promise<unknown> {
  const asked = { level, index: 0, width: 1, offset: 0 }
  return bridge.request(getTile, asked, { context: OPERATOR })
}

/** The first entry of all, or of a chain, which may have none. */
async function exported(filters: { chain?: string }): Promise<unknown> {
  const asked = { size: SIZE, begin: 0, limit: 1, disclose: false, ...filters }
  return bridge.request(exportEntries, asked, { context: OPERATOR })
}

test.each(READS)(
  'who loses the session that reads %s is told to try again',
  async (_, table, ask) => {
    const admin = new Client({ connectionString: ledger.adminUrl })
    await admin.connect()
    await admin.query(`begin; lock table audit_ledger.${table} in access exclusive mode`)

    const asked = ask().catch((error: unknown) => error)
    await eventually(
      async () => {
        const ended = await ledger.sql(
          `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'
            and usename = 'mumega_audit_ledger'`,
        )
        return ended.length > 0
      },
      { what: 'the read to wait' },
    )

    expect(await asked).toMatchObject({ code: 'db.unavailable' })
    await admin.end()
  },
)
