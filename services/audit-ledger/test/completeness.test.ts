import { afterEach, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { GAPS_MAX } from '../src/completeness/gap-repository.ts'
import {
  givenWatched,
  numbered,
  QUICK,
  sealInTurn,
  untilFigure,
  untilOpen,
  type WatchedLedger,
} from './given-completeness.ts'
import { anIntent, healthOfLedger, publishIntents, untilDropped, untilSealed } from './given.ts'

let watched: WatchedLedger

afterEach(() => watched.ledger.stop())

test('LOCK-MON-6: a number that never comes is found, named and raised, until its intent comes after all', async () => {
  watched = await givenWatched()
  await sealInTurn(watched, numbered(1, 3, 4, 9))

  expect(await untilOpen(watched, 2)).toEqual([
    {
      ...{ kind: 'intents-missing', place: 'bridge, number 2' },
      ...{ expected: 'an intent', found: 'not all within 0.2 s of later ones' },
    },
    {
      ...{ kind: 'intents-missing', place: 'bridge, numbers 5 to 8' },
      ...{ expected: '4 intents', found: 'not all within 0.2 s of later ones' },
    },
  ])
  await untilFigure(watched, 'intentsMissing', 5)

  await publishIntents(watched.bridge, numbered(2, 5, 6, 7, 8))
  await untilOpen(watched, 0)
  await untilFigure(watched, 'intentsMissing', 0)
  const kept = await watched.ledger.sql('select from audit_findings where cleared_at is not null')
  expect(kept.length).toBeGreaterThanOrEqual(2)
})

test('numbers begin with 1, and each producer has its own', async () => {
  watched = await givenWatched()
  const gateway = await watched.ledger.bus('gateway')
  await publishIntents(watched.bridge, numbered(3))
  await publishIntents(gateway, numbered(1, 2))

  expect((await untilOpen(watched, 1)).map(({ place }) => place)).toEqual([
    'bridge, numbers 1 to 2',
  ])
})

test('what overtakes is no gap: numbers may come in any order within the time', async () => {
  watched = await givenWatched({ ...QUICK, LEDGER_GAP_MS: 1_500 })
  await sealInTurn(watched, numbered(1, 5))
  await untilFigure(watched, 'intentsAwaited', 3)
  await sealInTurn(watched, numbered(3, 2, 4, 8))

  await untilOpen(watched, 1)
  expect(await watched.ledger.sql('select place from audit_findings')).toEqual([
    { place: 'bridge, numbers 6 to 7' },
  ])
})

test('a ledger that takes over goes on with the same finding', async () => {
  watched = await givenWatched()
  await publishIntents(watched.bridge, numbered(1, 3))
  await untilOpen(watched, 1)

  await watched.ledger.rest()
  await watched.ledger.run()
  await publishIntents(watched.bridge, numbered(4, 6))

  await untilOpen(watched, 2)
  expect(await watched.ledger.sql('select place from audit_findings order by occurred_at')).toEqual(
    [{ place: 'bridge, number 2' }, { place: 'bridge, number 5' }],
  )
})

test('an intent that was refused leaves a gap beside its drop, and a mended one closes both', async () => {
  watched = await givenWatched()
  const refused = anIntent({ number: 2 })
  await publishIntents(watched.bridge, [
    ...numbered(1),
    { ...refused, action: 'Not An Action' },
    ...numbered(3),
  ])
  await untilDropped(watched.bridge, 1)
  expect((await untilOpen(watched, 1)).map(({ place }) => place)).toEqual(['bridge, number 2'])

  await publishIntents(watched.bridge, [refused])

  await untilOpen(watched, 0)
  await eventually(
    async () =>
      (await watched.ledger.sql('select from audit_chain_drops where resolved_at is null'))
        .length === 0,
    { what: 'the drop to be resolved' },
  )
})

test('more gaps than can be told are told together, and cost no more than those', async () => {
  watched = await givenWatched()
  const numbers = Array.from({ length: GAPS_MAX + 200 }, (_, nth) => 2 * nth + 1)
  for (let at = 0; at < numbers.length; at += 60) {
    await publishIntents(watched.bridge, numbered(...numbers.slice(at, at + 60)))
  }
  await untilSealed(watched.ledger, numbers.length)

  const found = await untilOpen(watched, GAPS_MAX + 1)

  expect(found.at(-1)).toEqual({
    kind: 'intents-missing',
    place: `bridge, in more than ${GAPS_MAX} places`,
    expected: 'numbers without gaps',
    found: expect.stringMatching(/^199 more were missing/),
  })
  expect(
    await watched.ledger.sql(`select given_up from source_numbers where source = 'bridge'`),
  ).toEqual([{ given_up: '199' }])
}, 60_000)

test('LOCK-MON-6: a producer that begins anew with its numbers is told, since nothing of it is missing', async () => {
  watched = await givenWatched()
  const again = anIntent({ number: 2 })
  await sealInTurn(watched, [...numbered(1, 2, 3), again])
  const told = {
    kind: 'numbers-reused',
    place: 'bridge, number 2 at entry 3',
    expected: 'a number that no earlier intent of this producer had',
    found: 'one that is in the log: it counts anew, or two count under one name',
  }
  expect(await untilOpen(watched, 1)).toEqual([told])

  // The same intent once more is the same intent; of the others two are sealed as one group.
  await publishIntents(watched.bridge, [again, ...numbered(3, 4, 4, 5)])
  await untilSealed(watched.ledger, 8)
  await untilFigure(watched, 'numbersReused', 3)
  await watched.ledger.rest()
  await watched.ledger.sql('update entry_index_progress set indexed_size = 0')
  await watched.ledger.run()
  await publishIntents(watched.bridge, numbered(7))

  expect((await untilOpen(watched, 2)).map(({ place }) => place)).toEqual([
    told.place,
    'bridge, number 6',
  ])
  await untilFigure(watched, 'numbersReused', 3)
})

test('what comes after it was given up is no number given twice', async () => {
  watched = await givenWatched()
  const numbers = Array.from({ length: GAPS_MAX + 2 }, (_, nth) => 2 * nth + 2)
  for (let at = 0; at < numbers.length; at += 60) {
    await publishIntents(watched.bridge, numbered(...numbers.slice(at, at + 60)))
  }
  await untilOpen(watched, GAPS_MAX + 1)
  const last = 2 * GAPS_MAX + 3

  await publishIntents(watched.bridge, numbered(last, last - 2, 3, 4))

  const told = () =>
    watched.ledger.sql(`select place from audit_findings where kind = 'numbers-reused'`)
  await eventually(async () => (await told()).length > 0, { what: 'the finding' })
  expect(await told()).toEqual([{ place: expect.stringMatching(/^bridge, number 4 at entry/) }])
  await untilFigure(watched, 'numbersReused', 1)
}, 60_000)

test('a producer that numbers downwards leaves no more behind than one look tells, and two findings', async () => {
  watched = await givenWatched()
  await sealInTurn(watched, numbered(1, 10_001))
  await untilOpen(watched, 1)
  const numbers = Array.from({ length: GAPS_MAX + 500 }, (_, nth) => 9_999 - 2 * nth)
  for (let at = 0; at < numbers.length; at += 60) {
    await publishIntents(watched.bridge, numbered(...numbers.slice(at, at + 60)))
  }
  await untilSealed(watched.ledger, 2 + numbers.length)

  const [told, many] = await untilOpen(watched, 2)

  expect(told?.place).toBe('bridge, numbers 2 to 10000')
  expect(many?.place).toBe(`bridge, in more than ${GAPS_MAX} places`)
  await eventually(
    async () => {
      const [kept] = await watched.ledger.sql<{ ranges: number }>(
        `select count(*)::int as ranges from source_numbers, unnest(seen) where source = 'bridge'`,
      )
      return kept !== undefined && kept.ranges <= GAPS_MAX + 1
    },
    { what: 'the rest to be given up' },
  )
}, 60_000)

test('a gap that is told stays one finding until all of it has come, whatever comes of it meanwhile', async () => {
  watched = await givenWatched()
  await sealInTurn(watched, numbered(1, 12))
  const [told] = await untilOpen(watched, 1)
  expect(told?.place).toBe('bridge, numbers 2 to 11')

  await publishIntents(watched.bridge, numbered(5, Number.MAX_SAFE_INTEGER))
  await untilOpen(watched, 2)
  await publishIntents(watched.bridge, numbered(2, 3, 7, 13, 14))
  await watched.ledger.rest()
  await watched.ledger.run()
  await publishIntents(watched.bridge, numbered(4, 6, 8, 9, 10, 11))
  await untilOpen(watched, 1)

  expect(await watched.ledger.sql('select place from audit_findings order by occurred_at')).toEqual(
    [
      { place: 'bridge, numbers 2 to 11' },
      { place: `bridge, numbers 13 to ${Number.MAX_SAFE_INTEGER - 1}` },
    ],
  )
})

test('what is in the log and not projected yet is not called missing', async () => {
  // So long that neither is overdue before the projection is held, however slow the machine is.
  watched = await givenWatched({ LEDGER_GAP_MS: 8_000, LEDGER_OUTCOME_MS: 8_000 })
  const intent = anIntent({ number: 1, phase: 'intent', time: new Date().toISOString() })
  await publishIntents(watched.bridge, [intent, ...numbered(4)])
  await eventually(async () => (await watched.ledger.sql('select from open_intents')).length > 0, {
    what: 'the projection',
  })
  await watched.ledger.pool().transaction(async (trx) => {
    await trx.raw('select from entry_index_progress for update')
    const outcome = anIntent({ number: 2, phase: 'outcome', of: intent.id })
    await publishIntents(watched.bridge, [outcome, ...numbered(3)])
    await untilSealed(watched.ledger, 4)
    // A look every 2 s: so many that both would be overdue, if what is in the log had not come.
    const looks = async () =>
      (await healthOfLedger(watched.bridge)).figures['completenessLooks'] ?? 0
    const started = await looks()
    const isEnough = async () => {
      // Nor does PostgreSQL end a session that rests for too long.
      await trx.raw('select 1')
      return (await looks()) > started + 5
    }
    await eventually(isEnough, { what: 'enough looks', timeoutMs: 60_000 })
  })
  await publishIntents(watched.bridge, numbered(6))

  await untilOpen(watched, 1)
  expect(await watched.ledger.sql('select place from audit_findings')).toEqual([
    { place: 'bridge, number 5' },
  ])
}, 120_000)
