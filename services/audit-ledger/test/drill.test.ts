import { hash } from 'node:crypto'
import { afterEach, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { DrillRefused } from '../src/drill/refused.ts'
import { reportText } from '../src/drill/report.ts'
import { drillTamper, hasMissed } from '../src/drill/tamper.ts'
import { anIntent, givenLedger, publishIntents, type TestLedger } from './given.ts'
import { drillCopiesOf, drillOptionsOf } from './given-drill.ts'
import { flip, FLIPPED, givenSignedBatches, untilSignedUpTo } from './given-scrubber.ts'

let ledger: TestLedger

afterEach(() => ledger.stop())

/** Everything that the ledger keeps, in one hash. */
async function everything(): Promise<string> {
  const tables = await ledger.sql<{ name: string }>(
    `select table_name as name from information_schema.tables
      where table_schema = 'audit_ledger' order by 1`,
  )
  const texts: unknown[] = []
  for (const { name } of tables) {
    texts.push(await ledger.sql(`select row.*::text as text from ${name} row order by 1`))
  }
  return hash('sha256', JSON.stringify(texts))
}

test('a drill on a ledger at work detects every kind of alteration, and leaves the log as it was', async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 9)
  const before = await ledger.sql('select * from event_batches order by first_index')

  const report = await drillTamper(await drillOptionsOf(ledger))

  const kinds = report.trials.map(({ finds }) => finds?.kind)
  expect(kinds).toEqual([
    ...['entry-altered', 'leaf-hash-altered', 'payload-altered', 'key-altered', 'key-missing'],
    ...['entries-missing', 'checkpoint-altered', 'chain-head-altered', 'guard-altered'],
    ...['anchor-altered', 'subtree-altered'],
  ])
  for (const { what, detectedMs } of report.trials) {
    expect({ what, isDetected: detectedMs !== undefined && detectedMs > 0 }).toEqual({
      what,
      isDetected: true,
    })
  }
  expect(report.entries).toBe(576)
  expect(hasMissed(report)).toBe(false)
  expect(reportText(report, 1_000)).toContain('11 of 11 alterations were detected.')
  expect(await drillCopiesOf(ledger)).toEqual([])
  expect(await ledger.sql('select * from event_batches order by first_index')).toEqual(before)
  expect(await ledger.sql('select from audit_findings')).toEqual([])
  await publishIntents(await ledger.bus('bridge'), [anIntent()])
  await untilSignedUpTo(ledger, 577)
}, 120_000)

test('a drill changes no row of the ledger, and says what the log does not offer yet', async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 1)
  const options = await drillOptionsOf(ledger)
  await ledger.rest()
  const before = await everything()

  const report = await drillTamper(options)

  expect(await everything()).toBe(before)
  expect(report.trials.filter(({ untried }) => untried !== undefined)).toEqual([
    { what: 'an anchor', untried: 'the log has none before its first 256 entries' },
    { what: 'a subtree’s hash', untried: 'the log has none before its first 256 entries' },
  ])
  expect(reportText(report, 1_000)).toContain('9 of 9 alterations were detected.')
}, 120_000)

test.each([
  {
    name: 'a log that is empty',
    prepare: () => Promise.resolve(),
    reason: 'The log is empty: there is nothing to alter. Send a message first.',
  },
  {
    name: 'a log that is larger than allowed',
    prepare: () => givenSignedBatches(ledger, 1),
    changes: { bytesMax: 1 },
    reason: expect.stringMatching(/^The log has 1 MiB, and at most 1 MiB are copied. Allow more/),
  },
  {
    name: 'a log that another drill is copying',
    prepare: async () => {
      await givenSignedBatches(ledger, 1)
      await ledger.sql(`select pg_advisory_lock(${0x6472696c})`)
    },
    reason: 'Another drill is on. Wait until it has ended.',
  },
  {
    name: 'a log that was altered already',
    prepare: async () => {
      await givenSignedBatches(ledger, 1)
      await flip(ledger, 'payload_batches', FLIPPED.salt)
    },
    reason: 'The log itself was altered: 1 findings, among them salt-altered at entry 0.',
  },
  {
    name: 'a ledger of another version',
    prepare: async () => {
      await givenSignedBatches(ledger, 1)
      await ledger.sql(`insert into schema_migrations values ('9999_come_later.sql', 'x')`)
    },
    reason: expect.stringMatching(/^The ledger was migrated by another version of this program/),
  },
])('$name is not drilled on, and no copy of it is left', async ({ prepare, changes, reason }) => {
  ledger = await givenLedger()
  await prepare()

  const refused = drillTamper(await drillOptionsOf(ledger, changes))

  await expect(refused).rejects.toMatchObject({ name: DrillRefused.name, message: reason })
  expect(await drillCopiesOf(ledger)).toEqual([])
})

test('a drill removes the copy that a killed one has left', async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 1)
  const [own] = await ledger.sql<{ oid: string }>(
    'select oid from pg_database where datname = current_database()',
  )
  await ledger.sql(`create database mumega_drill_${own?.oid}_left`)

  await drillTamper(await drillOptionsOf(ledger))

  expect(await drillCopiesOf(ledger)).toEqual([])
}, 120_000)

test('a drill that is ended early removes its copy', async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 1)
  const ending = new AbortController()
  const drill = drillTamper(await drillOptionsOf(ledger, { signal: ending.signal }))
  const ended = drill.catch((error: unknown) => error)
  await eventually(async () => (await drillCopiesOf(ledger)).length > 0, { what: 'the copy' })

  ending.abort(new DrillRefused('Enough.'))

  expect(await ended).toBeDefined()
  expect(await drillCopiesOf(ledger)).toEqual([])
})

test('an alteration that was not found is said to be, and makes the drill fail', () => {
  const report = {
    ...{ database: 'mumega_drill_1_a', bytes: 2_097_152, entries: 20_000, passMs: 12.3 },
    trials: [
      { what: 'a leaf hash', finds: { kind: 'leaf-hash-altered', place: 'entry 4' } as const },
      { what: 'an anchor', untried: 'there is none' },
    ],
  }

  expect(hasMissed(report)).toBe(true)
  expect(reportText(report, 1_000)).toBe(
    `Drill on a copy of 20000 entries (2.0 MiB) in mumega_drill_1_a; a pass over it took 12 ms.
  a leaf hash  NOT DETECTED; expected was leaf-hash-altered at entry 4
  an anchor    not tried: there is none
0 of 1 alterations were detected. The copy is removed; the log was only read.
The ledger's own scrubber reads 1000 entries/s: an entry of this log is read again within 20 s, or 10 s where that is more.
`,
  )
})
