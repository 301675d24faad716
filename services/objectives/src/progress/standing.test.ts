import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { KeyResult } from '@mumega/contracts/objective-content'
import { judge, meanProgress, worstStanding } from './standing.ts'

const DAY_MS = 86_400_000
const keyResult = (changes: Partial<KeyResult> = {}): KeyResult => ({
  ...{ keyResultId: 'paying', title: 'Tenants that pay', unit: 'tenants' },
  ...{ baseline: 0, target: 100, direction: 'increase' },
  formula: { kind: 'count', of: {} },
  ...changes,
})

/** After so many of a hundred days, with the newest data of that moment. */
function at(
  day: number,
  value: number | undefined,
  { of = keyResult(), ageDays = 0 }: { of?: KeyResult; ageDays?: number } = {},
) {
  const nowMs = day * DAY_MS
  const newestAtMs = Math.min(nowMs, 100 * DAY_MS) - ageDays * DAY_MS
  const some = { engrams: 1, newest: ['e1'], newestAtMs, ...(value !== undefined && { value }) }
  return judge(of, some, { startMs: 0, endMs: 100 * DAY_MS, nowMs })
}

test.each([
  // [day, value, progress, forecast, standing]
  [50, 50, 0.5, 100, 'on-track'],
  [50, 45, 0.45, 90, 'on-track'],
  [50, 44, 0.44, 88, 'at-risk'],
  [50, 30, 0.3, 60, 'at-risk'],
  [50, 29, 0.29, 58, 'off-track'],
  [50, 0, 0, 0, 'off-track'],
  // Reached is reached, however late or early.
  [2, 100, 1, 5_000, 'on-track'],
  [50, 130, 1, 260, 'on-track'],
  // Too early to say.
  [4, 1, 0.01, 25, 'unknown'],
  // The end, and what came late after it.
  [100, 95, 0.95, 95, 'on-track'],
  [110, 89, 0.89, 89, 'at-risk'],
] as const)('on day %i with %i: progress %d, forecast %d, %s', (...given) => {
  const [day, value, share, atEnd, standsAs] = given
  const { progress, forecast, standing } = at(day, value)

  expect(progress).toBeCloseTo(share, 9)
  expect(forecast).toBeCloseTo(atEnd, 9)
  expect(standing).toBe(standsAs)
})

const rated = { kind: 'average', measure: 'stars', of: {} } as const

test.each<[string, KeyResult['formula'], number]>([
  ['an average', rated, 45],
  ['a ratio', { kind: 'ratio', numerator: { of: {} }, denominator: { of: {} } }, 45],
  ['a count of the last days', { kind: 'count', of: { windowDays: 7 } }, 45],
  ['a sum of the last days', { kind: 'sum', measure: 'stars', of: { windowDays: 7 } }, 45],
  // A level that rises, and what adds up.
  ['the latest of the last days', { ...rated, kind: 'latest', of: { windowDays: 7 } }, 90],
  ['a sum', { ...rated, kind: 'sum' }, 90],
])('the forecast of %s says whether it goes on or stays', (_, formula, atEnd) => {
  const of = keyResult({ formula })
  const { forecast, standing } = at(50, 45, { of })

  expect(forecast).toBeCloseTo(atEnd, 9)
  expect(standing).toBe(atEnd === 45 ? 'off-track' : 'on-track')
  expect(at(50, 95, { of }).standing).toBe('on-track')
})

test('thresholds of the key result take the place of the usual ones', () => {
  const strict = keyResult({ thresholds: { atRisk: 1, offTrack: 0.9 } })

  expect(at(50, 49, { of: strict }).standing).toBe('at-risk')
  expect(at(50, 44, { of: strict }).standing).toBe('off-track')
})

test('a key result that leads down is judged as its mirror image is', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 130 }),
      fc.integer({ min: -50, max: 150 }),
      (day, value) => {
        const down = keyResult({ baseline: 100, target: 0, direction: 'decrease' })
        const { forecast: up, ...upward } = at(day, value)
        const { forecast, ...downward } = at(day, 100 - value, { of: down })

        expect({ ...downward, progress: downward.progress.toFixed(9) }).toEqual({
          ...upward,
          progress: upward.progress.toFixed(9),
        })
        expect(forecast).toBeCloseTo(100 - (up ?? NaN), 6)
      },
    ),
  )
})

test('a milestone has until the end, and stays reached', () => {
  const milestone = keyResult({ formula: { kind: 'milestone', of: {} } })

  expect(at(99, 0, { of: milestone })).toMatchObject({ progress: 0, standing: 'unknown' })
  expect(at(100, 0, { of: milestone })).toMatchObject({ progress: 0, standing: 'off-track' })
  expect(at(99, 100, { of: milestone, ageDays: 60 })).toEqual({
    ...{ progress: 1, standing: 'on-track', confidence: 'present' },
  })
})

test('data of which the newest is over a week old is stale, and none is missing', () => {
  expect(at(50, 10, { ageDays: 7 }).confidence).toBe('present')
  expect(at(50, 10, { ageDays: 7.1 }).confidence).toBe('stale')
  // The period is over: nothing new can come.
  expect(at(120, 10).confidence).toBe('present')
  expect(at(50, undefined)).toEqual({ progress: 0, confidence: 'missing', standing: 'unknown' })
  const none = judge(
    keyResult(),
    { value: 0, engrams: 0, newest: [] },
    { startMs: 0, endMs: 100, nowMs: 50 },
  )
  expect(none).toMatchObject({ confidence: 'missing', progress: 0, standing: 'off-track' })
})

test('an objective stands as its worst key result, and progresses by their weights', () => {
  expect(worstStanding(['on-track', 'unknown', 'at-risk'])).toBe('at-risk')
  expect(worstStanding(['on-track', 'unknown'])).toBe('unknown')
  expect(worstStanding(['on-track'])).toBe('on-track')
  expect(meanProgress([{ progress: 1 }, { progress: 0 }, { progress: 0.5 }])).toBeCloseTo(0.5, 12)
  const weighted = [
    { weight: 0.9, progress: 1 },
    { weight: 0.1, progress: 0 },
  ]
  expect(meanProgress(weighted)).toBeCloseTo(0.9, 12)
})
