import { afterEach, expect, jest, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import {
  givenWatched,
  numbered,
  PAST,
  sealInTurn,
  untilOpen,
  type Found,
  type WatchedLedger,
} from './given-completeness.ts'
import { anIntent, publishIntents } from './given.ts'

let watched: WatchedLedger

// Each waits for looks at the whole log, on a machine that may be busy.
jest.setTimeout(90_000)

afterEach(() => watched.ledger.stop())

/** Seals them, and waits until the projection has come by. */
async function project(intents: Parameters<typeof sealInTurn>[1]): Promise<void> {
  await sealInTurn(watched, intents)
  await eventually(
    async () => {
      const rows = await watched.ledger.sql(
        'select from entry_index_progress, log_head where counted_size = size',
      )
      return rows.length === 1
    },
    { what: 'all to be projected' },
  )
}

/** What was found of what completeness rests on, also what is cleared since. */
async function altered(): Promise<Found[]> {
  return watched.ledger.sql<Found>(
    `select place, expected, found from audit_findings where kind = 'projection-altered'
      order by occurred_at, place`,
  )
}

/** Waits until it was told so often of a place; the last time. */
async function untilAltered(place: string, times = 1): Promise<Found> {
  return eventually(
    async () => (await altered()).filter((found) => found.place === place)[times - 1],
    { what: `what was done to ${place}` },
  )
}

async function untilCleared(): Promise<void> {
  await eventually(
    async () => {
      const open = await watched.ledger.sql(
        `select from audit_findings where kind = 'projection-altered' and cleared_at is null`,
      )
      return open.length === 0
    },
    { what: 'what was mended to be cleared' },
  )
}

const HIDDEN_GAPS = [
  `seen = '{[1,6)}'`,
  // Its numbers end before the gap, its row says nothing, and numbers are given up unasked.
  `seen = '{[1,2)}'`,
  `seen = '{}'`,
  `given_up_range = '[1,100)', seen = '{[1,100)}'`,
]

test('a lost intent is told, whatever somebody writes of its producer’s numbers', async () => {
  watched = await givenWatched({ LEDGER_GAP_MS: 8_000 })
  await project(numbered(1, 2, 5))
  for (const [nth, assignment] of HIDDEN_GAPS.entries()) {
    await watched.ledger.sql(`update source_numbers set ${assignment} where source = 'bridge'`)
    await untilAltered('numbers of bridge', nth + 1)
    await untilCleared()
  }

  expect((await altered())[0]).toMatchObject({
    expected: 'without {[3,5)}, with {}, 0 given twice',
    found: 'with {[3,5)}, without {}, 0 given twice',
  })
  const [row] = await watched.ledger.sql(`select seen::text from source_numbers
                                           where source = 'bridge'`)
  expect(row).toEqual({ seen: '{[1,3),[5,6)}' })
  expect((await untilOpen(watched, 1))[0]).toMatchObject({ place: 'bridge, numbers 3 to 4' })
})

test('a number that was given twice is told although its count was set back', async () => {
  watched = await givenWatched()
  await project(numbered(1, 2, 2, 3))
  const [told] = await untilOpen(watched, 1)
  await watched.ledger.sql(
    `update source_numbers set reused = 0, reused_number = null, reused_index = null`,
  )

  await untilAltered('numbers of bridge')
  await untilCleared()
  const row = await watched.ledger.sql('select * from source_numbers where source = $1', ['bridge'])
  expect(row).toMatchObject([{ reused: '1', reused_number: '2', reused_index: '2' }])
  expect(await untilOpen(watched, 1)).toMatchObject([{ kind: told?.kind, place: told?.place }])
})

const OUTCOME_OF_NOTHING = `insert into entry_index
  select 999, chain, 999, source, gen_random_uuid(), actor_id, actor_kind, action, target,
         'outcome', id, occurred_at, trace from entry_index where phase = 'intent'`

const HIDDEN_INTENTS = [
  'delete from open_intents',
  `update open_intents set occurred_at = '2999-01-01'`,
  `update open_intents set chain = 'other'`,
  `${OUTCOME_OF_NOTHING}; delete from open_intents`,
]

test('an intent without outcome is told, whatever somebody writes of it', async () => {
  watched = await givenWatched({ LEDGER_OUTCOME_MS: 20_000 })
  const { sql } = watched.ledger
  // A look that began before would bring a later one back to its own time.
  const time = new Date(Date.now() - 1_000).toISOString()
  const left = anIntent({ phase: 'intent', number: 1, time })
  await project([left])
  const rows = await sql('select chain, log_index, occurred_at from open_intents')
  for (const [nth, statement] of HIDDEN_INTENTS.entries()) {
    await sql(statement)
    await untilAltered(`open intent bridge/${left.id}`, nth + 1)
    await untilCleared()
    expect(await sql('select chain, log_index, occurred_at from open_intents')).toEqual(rows)
  }
  expect(await untilOpen(watched, 1)).toMatchObject([{ kind: 'outcome-missing' }])
})

test('open intents that nobody announced are taken away, and hide none that is', async () => {
  watched = await givenWatched()
  const left = anIntent({ phase: 'intent', number: 1, time: PAST })
  await project([left])
  await watched.ledger.sql(
    `insert into open_intents select gen_random_uuid(), 'bridge', 'acme', n, '1999-01-01'
       from generate_series(1, 1200) n`,
  )

  await eventually(
    async () => (await watched.ledger.sql('select from open_intents')).length === 1,
    { what: 'the others to be gone' },
  )
  // So many that what is told at once is nothing but these, until they are gone.
  expect((await untilOpen(watched, 1))[0]?.place).toBe(`intent bridge/${left.id} at entry 0`)
})

test('a projection that is said to be further than the log is brought back, and goes on', async () => {
  watched = await givenWatched({ LEDGER_GAP_MS: 1_000 })
  await project(numbered(1))
  await watched.ledger.sql(
    'update entry_index_progress set indexed_size = 1000000, counted_size = 1000000',
  )

  expect(await untilAltered('progress')).toMatchObject({ found: '1000000' })
  await project(numbered(2, 4))
  await untilCleared()
  expect((await untilOpen(watched, 1))[0]).toMatchObject({ place: 'bridge, number 3' })
})

test('nothing is found of numbers that overtake each other, come twice and are given up', async () => {
  watched = await givenWatched()
  await project([...numbered(3, 1, 2, 2), anIntent({ phase: 'intent', number: 5 })])
  for (let first = 10; first < 2_210; first += 128) {
    const each = Array.from({ length: 64 }, (_, nth) => first + 2 * nth)
    await publishIntents(watched.bridge, numbered(...each))
  }
  await eventually(
    async () =>
      (await watched.ledger.sql('select from source_numbers where given_up > 0')).length === 1,
    { what: 'numbers to be given up' },
  )
  await project(numbered(4, 9, 13, 14, 5_000))
  await watched.ledger.rest()
  await watched.ledger.run()
  // A way round the whole log, and one more.
  const before = await watched.ledger.sql(`select * from source_numbers where source = 'bridge'`)
  await watched.ledger.sql(`insert into open_intents values
    (gen_random_uuid(), 'bridge', 'acme', 1, '1999-01-01')`)
  await eventually(async () => (await altered()).length === 1, { what: 'a look at all of it' })
  await untilCleared()

  expect(await altered()).toHaveLength(1)
  expect(await watched.ledger.sql(`select * from source_numbers where source = 'bridge'`)).toEqual(
    before,
  )
})
