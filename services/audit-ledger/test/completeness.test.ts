import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { migrate } from '@mumega/db/migrate'
import { eventually } from '@mumega/testkit'
import { GAPS_MAX } from '../src/completeness/gap-repository.ts'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  publishIntents,
  untilDropped,
  untilSealed,
  type TestLedger,
} from './given.ts'

const QUICK = { LEDGER_GAP_MS: 200, LEDGER_OUTCOME_MS: 300 }
const PAST = '2020-01-01T00:00:00.000Z'
const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')

let ledger: TestLedger
let bridge: Bus

afterEach(async () => {
  await ledger.stop()
})

async function givenWatched(settings: Partial<TestLedger['config']> = QUICK): Promise<void> {
  ledger = await givenLedger({ settings })
  bridge = await ledger.bus('bridge')
}

function numbered(...numbers: number[]): AuditIntent[] {
  return numbers.map((number) => anIntent({ number }))
}

/** Publishes them one after the other, so that each is in the log before the next is sent. */
async function sealInTurn(intents: readonly AuditIntent[]): Promise<void> {
  const [row] = await ledger.sql<{ size: string }>('select size from log_head')
  let size = Number(row?.size)
  for (const intent of intents) {
    await publishIntents(bridge, [intent])
    await untilSealed(ledger, ++size)
  }
}

interface Found {
  kind: string
  place: string
  expected: string
  found: string
}

const open = () =>
  ledger.sql<Found>(
    `select kind, place, expected, found from audit_findings
      where cleared_at is null order by occurred_at, finding_id`,
  )
const placesOf = async () => (await open()).map(({ place }) => place)

async function untilOpen(count: number): Promise<Found[]> {
  return eventually(
    async () => {
      const found = await open()
      return found.length === count && found
    },
    { what: `${count} open findings`, timeoutMs: 20_000 },
  )
}

test('LOCK-MON-6: a number that never comes is found, named and raised, until its intent comes after all', async () => {
  await givenWatched()
  await sealInTurn(numbered(1, 3, 4, 9))

  expect(await untilOpen(2)).toEqual([
    {
      ...{ kind: 'intents-missing', place: 'bridge, number 2' },
      ...{ expected: 'an intent', found: 'none within 0.2 s of later ones' },
    },
    {
      ...{ kind: 'intents-missing', place: 'bridge, numbers 5 to 8' },
      ...{ expected: '4 intents', found: 'none within 0.2 s of later ones' },
    },
  ])
  expect((await healthOfLedger(bridge)).figures['intentsMissing']).toBe(5)

  await publishIntents(bridge, numbered(2, 5, 6, 7, 8))
  await untilOpen(0)
  expect((await healthOfLedger(bridge)).figures['intentsMissing']).toBe(0)
  const kept = await ledger.sql('select from audit_findings where cleared_at is not null')
  expect(kept.length).toBeGreaterThanOrEqual(2)
})

test('numbers begin with 1, and each producer has its own', async () => {
  await givenWatched()
  const gateway = await ledger.bus('gateway')
  await publishIntents(bridge, numbered(3))
  await publishIntents(gateway, numbered(1, 2))

  expect((await untilOpen(1)).map(({ place }) => place)).toEqual(['bridge, numbers 1 to 2'])
})

test('what overtakes is no gap: numbers may come in any order within the time', async () => {
  await givenWatched({ ...QUICK, LEDGER_GAP_MS: 1_500 })
  await sealInTurn(numbered(1, 5))
  await eventually(async () => (await healthOfLedger(bridge)).figures['intentsAwaited'] === 3, {
    what: 'the gap to be noticed',
  })
  await sealInTurn(numbered(3, 2, 4, 8))

  await untilOpen(1)
  expect(await ledger.sql('select place from audit_findings')).toEqual([
    { place: 'bridge, numbers 6 to 7' },
  ])
})

test('a ledger that takes over goes on with the same finding', async () => {
  await givenWatched()
  await publishIntents(bridge, numbered(1, 3))
  await untilOpen(1)

  await ledger.rest()
  await ledger.run()
  await publishIntents(bridge, numbered(4, 6))

  await untilOpen(2)
  expect(await ledger.sql('select place from audit_findings order by occurred_at')).toEqual([
    { place: 'bridge, number 2' },
    { place: 'bridge, number 5' },
  ])
})

test('an intent that was refused leaves a gap beside its drop, and a mended one closes both', async () => {
  await givenWatched()
  const refused = anIntent({ number: 2 })
  await publishIntents(bridge, [
    ...numbered(1),
    { ...refused, action: 'Not An Action' },
    ...numbered(3),
  ])
  await untilDropped(bridge, 1)
  expect((await untilOpen(1)).map(({ place }) => place)).toEqual(['bridge, number 2'])

  await publishIntents(bridge, [refused])

  await untilOpen(0)
  await eventually(
    async () =>
      (await ledger.sql('select from audit_chain_drops where resolved_at is null')).length === 0,
    { what: 'the drop to be resolved' },
  )
})

test('what is in the log and not projected yet is not called missing', async () => {
  await givenWatched({ ...QUICK, LEDGER_OUTCOME_MS: 2_000 })
  const time = new Date().toISOString()
  await publishIntents(bridge, [anIntent({ number: 1, phase: 'intent', time }), ...numbered(3)])
  await eventually(async () => (await ledger.sql('select from source_numbers')).length > 0, {
    what: 'the projection',
  })
  const pool = ledger.pool()
  await pool.transaction(async (trx) => {
    await trx.raw('select from entry_index_progress for update')
    await publishIntents(bridge, numbered(2))
    // By the same look: that the gap is old enough was known long before.
    expect((await untilOpen(1)).map(({ kind }) => kind)).toEqual(['outcome-missing'])
  })
  await eventually(async () => (await placesOf()).length === 1, { what: 'nothing more' })
  expect(await ledger.sql(`select from audit_findings where kind = 'intents-missing'`)).toEqual([])
})

test('more gaps than can be told are told together, and cost no more than those', async () => {
  await givenWatched()
  const numbers = Array.from({ length: GAPS_MAX + 200 }, (_, nth) => 2 * nth + 1)
  for (let at = 0; at < numbers.length; at += 60) {
    await publishIntents(bridge, numbered(...numbers.slice(at, at + 60)))
  }
  await untilSealed(ledger, numbers.length)

  const found = await untilOpen(GAPS_MAX + 1)

  expect(found.at(-1)).toEqual({
    kind: 'intents-missing',
    place: `bridge, in more than ${GAPS_MAX} places`,
    expected: 'numbers without gaps',
    found: expect.stringMatching(/^199 more were missing/),
  })
  expect(await ledger.sql(`select given_up from source_numbers where source = 'bridge'`)).toEqual([
    { given_up: '199' },
  ])
}, 60_000)

test('a log from before is watched as if it had been all the time', async () => {
  await givenWatched()
  const intent = anIntent({ number: 1, phase: 'intent', time: PAST })
  const closed = anIntent({ number: 2, phase: 'intent', time: PAST })
  await publishIntents(bridge, [
    ...[intent, closed, anIntent({ number: 3, phase: 'outcome', of: closed.id })],
    ...numbered(5, 6, 7),
  ])
  await untilOpen(2)
  await ledger.rest()
  const watched = async () => [
    await ledger.sql(`select seen, given_up from source_numbers where source = 'bridge'`),
    await ledger.sql('select * from open_intents'),
  ]
  const projected = await watched()
  expect(projected).toMatchObject([[{ seen: '{[1,4),[5,8)}' }], [{ id: intent.id }]])
  await ledger.sql('drop table source_numbers, open_intents')
  await ledger.sql('drop index entry_index_closes')
  await ledger.sql(`delete from schema_migrations where name like '0063%'`)

  await migrate(ledger.adminUrl, [{ service: 'audit-ledger', migrationsDir: MIGRATIONS }])

  expect(await watched()).toEqual(projected)
})

test('an intent without an outcome is a finding once it is overdue, until the outcome comes', async () => {
  await givenWatched()
  const left = anIntent({ number: 1, phase: 'intent', time: PAST })
  const done = anIntent({ number: 2, phase: 'intent', time: PAST })
  await publishIntents(bridge, [left, done])
  const [first] = await untilOpen(2)
  expect(first).toMatchObject({ kind: 'outcome-missing', expected: 'an outcome within 0.3 s' })

  await publishIntents(bridge, [anIntent({ number: 3, phase: 'outcome', of: done.id })])

  expect((await untilOpen(1)).map(({ place }) => place)).toEqual([
    `intent bridge/${left.id} at entry 0`,
  ])
  expect((await healthOfLedger(bridge)).figures['outcomesMissing']).toBe(1)
})

test('an outcome closes its intent in whatever order they come, and only in its own chain', async () => {
  await givenWatched()
  const early = anIntent({ number: 2, phase: 'intent', time: PAST })
  const together = anIntent({ number: 3, phase: 'intent', time: PAST })
  const other = anIntent({ number: 6, phase: 'intent', time: PAST, chain: 'beta' })
  await sealInTurn([anIntent({ number: 1, phase: 'outcome', of: early.id }), early])
  await publishIntents(bridge, [other])
  await untilOpen(2)
  await publishIntents(bridge, [
    together,
    anIntent({ number: 4, phase: 'outcome', of: together.id }),
    anIntent({ number: 5, phase: 'outcome', of: uuidv7() }),
    anIntent({ number: 7, phase: 'outcome', of: other.id, chain: 'acme' }),
    anIntent({ number: 8, phase: 'outcome', of: early.id }),
  ])

  // The gap before it closes with the same slice of the log.
  await untilOpen(1)
  expect(await placesOf()).toEqual([`intent bridge/${other.id} at entry 2`])
})
