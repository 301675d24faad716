import { afterAll, expect, test } from '@jest/globals'
import { openConnection } from '../src/connection.ts'
import { readEntriesAt, readKeysById, readKeysByPlace } from '../src/scrubbing/key-repository.ts'
import { givenLedger } from './given.ts'

// So many that the planner holds a scan of them all to be cheaper than a step's lookups.
const KEYS = 300_000
const STEP = 2_048

const ledger = await givenLedger({ isRunning: false })
const connection = openConnection(ledger.config.DATABASE_URL)
afterAll(async () => {
  await connection.close()
  await ledger.stop()
})

const idOf = (seq: number) => `00000000-0000-7000-8000-${String(seq).padStart(12, '0')}`

/** How often the connection has read the whole table, by its own counters. */
async function wholeReads(): Promise<number> {
  const { rows } = await connection.query<{ scans: string }>({
    text: `select seq_scan as scans from pg_stat_xact_user_tables where relname = 'event_keys'`,
  })
  return Number(rows[0]?.scans)
}

test('the scrubber reads the keys that it wants by their index, and never the whole table', async () => {
  await ledger.sql(
    `insert into audit_ledger.event_keys (id, log_index, seq, number, source, chain, intent_hash)
     select ('00000000-0000-7000-8000-' || lpad(seq::text, 12, '0'))::uuid, seq - 1, seq, seq,
            'bridge', 'acme', '\\x00' from generate_series(1, ${KEYS}) as given (seq)`,
  )
  await ledger.sql('analyze audit_ledger.event_keys')
  const places = Array.from({ length: STEP }, (_, nth) => ({ chain: 'acme', seq: nth + 1 }))
  const events = places.map(({ seq }) => ({ source: 'bridge', id: idOf(seq) }))
  const readers = [
    () => readKeysByPlace(connection, places),
    () => readKeysById(connection, events),
    () => readEntriesAt(connection, places),
  ]

  for (const read of readers) {
    // One transaction, so that the counters are still this connection's own when they are read.
    await connection.query({ text: 'begin' })
    const found = await read()
    const scans = await wholeReads()
    await connection.query({ text: 'commit' })

    expect([...found.keys()].sort((one, other) => one - other)).toEqual(places.map((_, nth) => nth))
    expect(scans).toBe(0)
  }
})
