import { afterEach, expect, test } from '@jest/globals'
import type { ServiceHealth } from '@mumega/contracts/health'
import { eventually } from '@mumega/testkit'
import { GAPS_MAX } from '../src/completeness/gap-repository.ts'
import { RANGES_MAX } from '../src/search/number-repository.ts'
import {
  givenWatched,
  numbered,
  QUICK,
  sealInTurn,
  untilFigure,
  untilOpen,
  type WatchedLedger,
} from './given-completeness.ts'
import { healthOfLedger, publishIntents, untilSealed } from './given.ts'

// Of the watching, which then leaves everything to the projection.
const PATIENT = { ...QUICK, LEDGER_GAP_MS: 86_400_000, LEDGER_OUTCOME_MS: 86_400_000 }

let watched: WatchedLedger

afterEach(() => watched.ledger.stop())

/** Seals intents with each odd number up to 2 × `ranges`. */
async function givenEverySecond(ranges: number): Promise<void> {
  const odd = Array.from({ length: ranges }, (_, nth) => 2 * nth + 1)
  for (let at = 0; at < ranges; at += 64) {
    await publishIntents(watched.bridge, numbered(...odd.slice(at, at + 64)))
  }
  await untilSealed(watched.ledger, ranges)
  await untilFigure(watched, 'indexLag', 0)
}

async function countedOf(source: string) {
  const [row] = await watched.ledger.sql<{
    ranges: number
    given_up: string
    given_up_range: string
  }>(
    `select (select count(*)::int from unnest(seen)) as ranges, given_up, given_up_range
       from source_numbers where source = $1`,
    [source],
  )
  return row
}

test('the projection gives up by itself what is in too many places, counts it, and goes on', async () => {
  watched = await givenWatched(PATIENT)
  await givenEverySecond(RANGES_MAX)
  const next = 2 * RANGES_MAX + 1

  await sealInTurn(watched, numbered(next))
  const found = await untilOpen(watched, 1)

  // Each even number is missing; the first that is given up is behind as many as are told.
  const first = 2 * GAPS_MAX + 2
  const givenUp = RANGES_MAX - GAPS_MAX
  expect(await countedOf('bridge')).toEqual({
    ranges: GAPS_MAX + 1,
    given_up: String(givenUp),
    given_up_range: `[${first},${next + 1})`,
  })
  expect(found).toMatchObject([
    {
      place: `bridge, in more than ${GAPS_MAX} places`,
      found: expect.stringMatching(new RegExp(`^${givenUp} more were missing`)),
    },
  ])

  // What was given up may come; what came before is a number given twice.
  await sealInTurn(watched, numbered(first, 2, 3))
  await untilFigure(watched, 'numbersReused', 1)
  const [, reused] = await untilOpen(watched, 2)
  expect(reused?.place).toMatch(/^bridge, number 3 at entry /)
}, 60_000)

test('what is known of a producer is read once for a slice, however many entries that has', async () => {
  watched = await givenWatched(PATIENT)
  await givenEverySecond(RANGES_MAX - 600)
  const { sql } = watched.ledger
  // Sessions tell what they have read when they end, at the latest.
  const blocksRead = async () => {
    await watched.ledger.rest()
    const left = () =>
      sql(`select from pg_stat_activity
            where usename = 'mumega_audit_ledger' and datname = current_database()`)
    await eventually(async () => (await left()).length === 0, { what: 'the sessions to end' })
    const [row] = await sql<{ blocks: string }>(
      `select coalesce(toast_blks_hit, 0) + coalesce(toast_blks_read, 0) as blocks
         from pg_statio_all_tables where relid = 'source_numbers'::regclass`,
    )
    return Number(row?.blocks)
  }
  const before = await blocksRead()
  const numbers = Array.from({ length: 448 }, (_, nth) => 2 * RANGES_MAX + nth)
  for (let at = 0; at < numbers.length; at += 64) {
    await publishIntents(watched.bridge, numbered(...numbers.slice(at, at + 64)))
  }

  await watched.ledger.run()
  await untilSealed(watched.ledger, RANGES_MAX - 600 + numbers.length)
  await untilFigure(watched, 'indexLag', 0)

  expect((await blocksRead()) - before).toBeLessThan(numbers.length)
}, 60_000)

test('while the projection stands still, health says that what is missing is not looked for', async () => {
  watched = await givenWatched(QUICK)
  const statusOf = ({ dependencies }: ServiceHealth) =>
    dependencies.find(({ name }) => name === 'completeness')
  const untilStatus = (status: string) =>
    eventually(
      async () => {
        const found = statusOf(await healthOfLedger(watched.bridge))
        return found?.status === status && found
      },
      { what: `completeness to be ${status}` },
    )
  await sealInTurn(watched, numbered(1))
  await untilStatus('ok')

  await watched.ledger.pool().transaction(async (trx) => {
    await trx.raw('select from entry_index_progress for update')
    await publishIntents(watched.bridge, numbered(2))
    await untilSealed(watched.ledger, 2)

    expect((await untilStatus('failing')).reason).toMatch(/the projection stands still$/)
  })

  await untilStatus('ok')
})

test('one number that is far too large hides nothing that is lost later', async () => {
  watched = await givenWatched({ ...QUICK, LEDGER_GAP_MS: 1_000 })
  const far = 3_000_000
  await sealInTurn(watched, numbered(1, 2, far))
  const wide = {
    kind: 'intents-missing',
    place: `bridge, numbers 3 to ${far - 1}`,
    expected: `${far - 3} intents`,
    found: 'not all within 1 s of later ones; the later one may have a wrong number',
  }
  expect(await untilOpen(watched, 1)).toEqual([wide])

  // One that overtakes is no gap there either.
  await sealInTurn(watched, numbered(3, 5, 4, 6, 8))

  const found = await untilOpen(watched, 2)
  expect(found).toMatchObject([wide, { place: 'bridge, number 7' }])
  await publishIntents(watched.bridge, numbered(7))
  expect(await untilOpen(watched, 1)).toEqual([wide])
  const told = await watched.ledger.sql(
    `select place from audit_findings where kind = 'intents-missing'`,
  )
  expect(told).toHaveLength(2)
}, 60_000)
