import { afterEach, expect, test } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { TOLD_MAX } from '../src/completeness/open-intent-repository.ts'
import {
  givenWatched,
  PAST,
  sealInTurn,
  untilFigure,
  untilOpen,
  type WatchedLedger,
} from './given-completeness.ts'
import { anIntent, publishIntents, untilSealed } from './given.ts'

let watched: WatchedLedger

afterEach(() => watched.ledger.stop())

test('an intent without an outcome is a finding once it is overdue, until the outcome comes', async () => {
  watched = await givenWatched()
  const left = anIntent({ number: 1, phase: 'intent', time: PAST })
  const done = anIntent({ number: 2, phase: 'intent', time: PAST })
  await publishIntents(watched.bridge, [left, done])
  const [first] = await untilOpen(watched, 2)
  expect(first).toMatchObject({ kind: 'outcome-missing', expected: 'an outcome within 0.3 s' })

  await publishIntents(watched.bridge, [anIntent({ number: 3, phase: 'outcome', of: done.id })])

  expect((await untilOpen(watched, 1)).map(({ place }) => place)).toEqual([
    `intent bridge/${left.id} at entry 0`,
  ])
  await untilFigure(watched, 'outcomesMissing', 1)
})

test('an intent that says a time to come is overdue as soon as one that says the present', async () => {
  watched = await givenWatched()
  const left = anIntent({ number: 1, phase: 'intent', time: '9999-12-31T23:59:59.999Z' })
  const done = anIntent({ number: 2, phase: 'intent', time: '9999-12-31T23:59:59.999Z' })
  await publishIntents(watched.bridge, [left, done])
  await untilOpen(watched, 2)

  await publishIntents(watched.bridge, [anIntent({ number: 3, phase: 'outcome', of: done.id })])

  expect((await untilOpen(watched, 1)).map(({ place }) => place)).toEqual([
    `intent bridge/${left.id} at entry 0`,
  ])
})

test('an outcome closes its intent in whatever order they come, and only in its own chain', async () => {
  watched = await givenWatched()
  const early = anIntent({ number: 2, phase: 'intent', time: PAST })
  const together = anIntent({ number: 3, phase: 'intent', time: PAST })
  const other = anIntent({ number: 6, phase: 'intent', time: PAST, chain: 'beta' })
  await sealInTurn(watched, [anIntent({ number: 1, phase: 'outcome', of: early.id }), early])
  await publishIntents(watched.bridge, [other])
  await untilOpen(watched, 2)
  await publishIntents(watched.bridge, [
    together,
    anIntent({ number: 4, phase: 'outcome', of: together.id }),
    anIntent({ number: 5, phase: 'outcome', of: uuidv7() }),
    anIntent({ number: 7, phase: 'outcome', of: other.id, chain: 'acme' }),
    anIntent({ number: 8, phase: 'outcome', of: early.id }),
  ])

  // The gap before it closes with the same slice of the log.
  const [open] = await untilOpen(watched, 1)
  expect(open?.place).toBe(`intent bridge/${other.id} at entry 2`)
})

test('no producer closes the intent of another, not even with an intent of the same id', async () => {
  watched = await givenWatched()
  const gateway = await watched.ledger.bus('gateway')
  const left = anIntent({ number: 1, phase: 'intent', time: PAST })
  await sealInTurn(watched, [left])
  const outcome = { phase: 'outcome', of: left.id } as const
  await publishIntents(gateway, [
    anIntent({ id: left.id, number: 1, phase: 'intent', time: PAST }),
    anIntent({ number: 2, ...outcome }),
  ])
  await untilSealed(watched.ledger, 3)
  const early = anIntent({ number: 3, phase: 'intent', time: PAST })
  await publishIntents(gateway, [anIntent({ number: 3, phase: 'outcome', of: early.id })])
  await untilSealed(watched.ledger, 4)
  await publishIntents(watched.bridge, [anIntent({ ...early, number: 2 })])

  const open = await untilOpen(watched, 2)
  expect(open.map(({ place }) => place)).toEqual([
    `intent bridge/${left.id} at entry 0`,
    // What it finds is on the ledger, too.
    expect.stringContaining(`intent bridge/${early.id} at entry `),
  ])
})

test('however many outcomes are missing, what was told is not forgotten for others', async () => {
  watched = await givenWatched()
  const told = anIntent({ number: 1, phase: 'intent', time: PAST })
  await publishIntents(watched.bridge, [told])
  await untilOpen(watched, 1)
  for (let pack = 0; pack < 18; pack += 1) {
    const time = '0001-01-01T00:00:00.000Z'
    await publishIntents(
      watched.bridge,
      Array.from({ length: 60 }, (_, nth) =>
        anIntent({ number: 2 + 60 * pack + nth, phase: 'intent', time }),
      ),
    )
  }

  await untilOpen(watched, TOLD_MAX)
  const place = `intent bridge/${told.id} at entry 0`
  expect(
    await watched.ledger.sql('select cleared_at from audit_findings where place = $1', [place]),
  ).toEqual([{ cleared_at: null }])
})
