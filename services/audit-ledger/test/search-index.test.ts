import { isDeepStrictEqual } from 'node:util'
import { afterEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { searchEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'
import { openConnection } from '../src/connection.ts'
import { startProjector } from '../src/search/projector.ts'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  OPERATOR,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let bridge: Bus

afterEach(() => ledger.stop())

async function givenIndexed(size: number): Promise<void> {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
  await publish(size)
  await untilIndexed(size)
}

async function publish(size: number): Promise<void> {
  for (let at = 0; at < size; at += 64) {
    const count = Math.min(64, size - at)
    await publishIntents(
      bridge,
      Array.from({ length: count }, (_, nth) => anIntent({ target: `deal:${at + nth}` })),
    )
  }
}

async function search(limit = 200): Promise<ReplyOf<typeof searchEntries>> {
  return bridge.request(searchEntries, { order: 'newest', limit }, { context: OPERATOR })
}

async function untilIndexed(size: number) {
  return eventually(
    async () => {
      const reply = await search(1)
      return reply.complete && reply.entries[0]?.index === size - 1 && reply
    },
    { what: `an index over ${size}` },
  )
}

const INDEX = 'select * from entry_index order by log_index'

test('the index is rebuilt from the log alone, row for row, after it was emptied', async () => {
  await givenIndexed(700)
  const before = await ledger.sql(INDEX)
  await ledger.rest()
  await ledger.sql('truncate entry_index')
  await ledger.sql('update entry_index_progress set indexed_size = 0')

  await ledger.run()
  await untilIndexed(700)

  expect(before).toHaveLength(700)
  expect(await ledger.sql(INDEX)).toEqual(before)
  expect((await healthOfLedger(bridge)).figures).toMatchObject({ indexLag: 0, indexFaults: 0 })
})

test('while the index cannot follow, the log grows on and a search says by how much it lags', async () => {
  await givenIndexed(3)
  await ledger.sql('revoke insert on entry_index from mumega_audit_ledger')
  await publish(5)
  await untilSealed(ledger, 8)

  const behind = await eventually(
    async () => {
      const reply = await search()
      return reply.lag === 5 && reply
    },
    { what: 'a lag of 5' },
  )

  expect(behind.complete).toBe(false)
  expect(behind.entries).toHaveLength(3)
  const health = await eventually(
    async () => {
      const seen = await healthOfLedger(bridge)
      return seen.figures['indexLag'] === 5 && indexOf(seen)?.status !== 'ok' && seen
    },
    { what: 'health that says so' },
  )
  expect(health.status).toBe('ok')
  await ledger.sql('grant insert on entry_index to mumega_audit_ledger')
  await untilIndexed(8)
})

function indexOf(health: Awaited<ReturnType<typeof healthOfLedger>>) {
  return health.dependencies.find(({ name }) => name === 'search-index')
}

async function untilNamed(reason: RegExp) {
  return eventually(
    async () => {
      const health = await healthOfLedger(bridge)
      return reason.test(indexOf(health)?.reason ?? '') && health
    },
    { what: `health with ${String(reason)}` },
  )
}

test.each([
  ['a hole', 'delete from entry_index where log_index = 517', /^entry 517 was missing/],
  [
    'a hole of several slices',
    'delete from entry_index where log_index between 10 and 1100',
    /^entries \d+ to \d+ were missing/,
  ],
  [
    'a changed actor',
    "update entry_index set actor_id = 'agent:nobody' where log_index = 900",
    /^entry 900 was altered/,
  ],
  [
    'a row moved to another tenant',
    "update entry_index set chain = 'zenith' where log_index = 3",
    /^entry 3 was altered/,
  ],
  [
    'a trace taken away',
    "update entry_index set trace = decode(repeat('ab', 16), 'hex') where log_index = 5",
    /^entry 5 was altered/,
  ],
])(
  '%s in the index is found, named in health and mended from the log',
  async (_name, harm, reason) => {
    await givenIndexed(1_200)
    const before = await ledger.sql(INDEX)

    await ledger.sql(harm)

    const { figures, status } = await untilNamed(reason)
    // By the rows, too: what is found slice by slice is complete, as far as is known, in between.
    const isMended = async () => isDeepStrictEqual(await ledger.sql(INDEX), before)
    await eventually(async () => (await isMended()) && (await search(1)).complete, {
      what: 'a mended index',
    })
    expect(figures['indexFaults']).toBeGreaterThan(0)
    // The log is well: the ledger must not be taken out of service for its index.
    expect(status).toBe('ok')
  },
)

test('a row that says something else than the log is never an answer, and makes the search incomplete', async () => {
  await givenIndexed(4)
  // Nothing is mended for as long as it is looked at.
  await ledger.sql('revoke insert on entry_index_faults from mumega_audit_ledger')
  await ledger.sql("update entry_index set actor_id = 'agent:innocent' where log_index = 2")

  const all = await search()
  const forged = await bridge.request(
    searchEntries,
    { actor: 'agent:innocent', order: 'newest', limit: 10 },
    { context: OPERATOR },
  )

  expect(all.complete).toBe(false)
  expect(all.entries.map(({ index }) => index)).toEqual([3, 1, 0])
  expect(forged).toMatchObject({ entries: [], complete: false })
})

test('a row that stood in the index before its entry was sealed gives way to it, and is named', async () => {
  await givenIndexed(2)
  await ledger.sql(`insert into entry_index
    select 2, chain, 99, source, id, 'agent:early', actor_kind, action, target, phase, closes,
           occurred_at, trace from entry_index where log_index = 1`)
  expect((await search()).entries.map(({ index }) => index)).toEqual([1, 0])

  await publish(1)
  await untilNamed(/^entry 2 was in the index before/)
  await untilIndexed(3)

  const [row] = await ledger.sql('select actor_id from entry_index where log_index = 2')
  expect(row).toEqual({ actor_id: 'agent:writer' })
})

test('a fault that a crash left unmended is mended after the next start', async () => {
  await givenIndexed(600)
  await ledger.rest()
  await ledger.sql("update entry_index set action = 'deal.lost' where log_index = 550")
  await ledger.sql(`insert into entry_index_faults (log_index, entries, reason)
                    values (550, 1, 'altered in the index')`)

  await ledger.run()

  await untilIndexed(600)
  const [row] = await ledger.sql('select action from entry_index where log_index = 550')
  expect(row).toEqual({ action: 'message.accepted' })
})

test('two projectors at once leave each row once and no fault', async () => {
  await givenIndexed(1)
  const connection = openConnection(ledger.config.DATABASE_URL)
  const growth = new Set<(growth: never) => void>()
  const size = 641
  const second = startProjector(
    connection,
    {
      committed: () => ({ size, nodes: [] }),
      onGrowth: (listener) => void growth.add(listener),
    },
    { record: async () => Promise.resolve([]), clear: async () => Promise.resolve(0) },
  )
  await publish(size - 1)
  await untilSealed(ledger, size)

  await untilIndexed(size)
  await second.stop()
  await connection.close()

  expect(await ledger.sql(INDEX)).toHaveLength(size)
  expect((await healthOfLedger(bridge)).figures['indexFaults']).toBe(0)
})
