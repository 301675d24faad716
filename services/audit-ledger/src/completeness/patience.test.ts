import { expect, test } from '@jest/globals'
import { openHorizon, openPatience, openStandstill } from './patience.ts'

const gap = (first: number, last: number, source = 'bridge') => ({ source, first, last })
const ALL = { committed: 10, projected: 10 }

test('what is left of a gap is as old as it was, however it shrinks and splits from look to look', () => {
  const patience = openPatience(1_000)

  expect(patience.overdue([gap(2, 99)], ALL, 0)).toEqual([])
  expect(patience.overdue([gap(2, 49), gap(51, 99)], ALL, 400)).toEqual([])
  expect(patience.overdue([gap(3, 49), gap(51, 70), gap(72, 99)], ALL, 800)).toEqual([])
  const left = [gap(4, 49), gap(52, 70), gap(72, 98)]
  expect(patience.overdue(left, ALL, 1_000)).toEqual(left)
})

test('a gap is new that lies in none of its own producer', () => {
  const patience = openPatience(1_000)
  patience.overdue([gap(2, 9)], ALL, 0)

  const gaps = [gap(2, 9), gap(11, 12), gap(2, 9, 'gateway')]

  expect(patience.overdue(gaps, ALL, 1_000)).toEqual([gap(2, 9)])
})

test('a gap waits for the projection of what was committed when it became too old', () => {
  const patience = openPatience(1_000)
  patience.overdue([gap(2, 9)], { committed: 10, projected: 4 }, 0)

  expect(patience.overdue([gap(2, 9)], { committed: 12, projected: 11 }, 1_000)).toEqual([])
  const later = { committed: 50, projected: 12 }
  expect(patience.overdue([gap(2, 9)], later, 1_100)).toEqual([gap(2, 9)])
})

test('the horizon is the latest look of which all that was committed is projected', () => {
  const horizon = openHorizon()
  const at = (ms: number) => new Date(ms)

  expect(horizon(at(1), { committed: 10, projected: 9 })).toBeUndefined()
  expect(horizon(at(2), { committed: 20, projected: 10 })).toEqual(at(1))
  expect(horizon(at(3), { committed: 20, projected: 19 })).toEqual(at(1))
  expect(horizon(at(4), { committed: 30, projected: 20 })).toEqual(at(3))
})

test('in a gap that is wide a narrow one is new, and what is left of the wide one is not', () => {
  const patience = openPatience(1_000)
  patience.overdue([gap(3, 5_000_000)], ALL, 0)

  const left = [gap(4, 4), gap(6, 3_000_000), gap(3_000_002, 4_999_990), gap(4_999_999, 5_000_000)]

  expect(patience.overdue(left, ALL, 1_000)).toEqual(left.slice(1))
  expect(patience.overdue(left, ALL, 2_000)).toEqual(left)
})

test('the projection stands still when it does not move for too long, though there is more', () => {
  const isStanding = openStandstill(1_000)
  const look = (committed: number, projected: number, nowMs: number) =>
    isStanding({ committed, projected }, nowMs)

  expect(look(10, 10, 0)).toBe(false)
  // Nothing to do is no standstill, however long.
  expect(look(10, 10, 5_000)).toBe(false)
  expect(look(20, 10, 6_000)).toBe(false)
  expect(look(30, 10, 6_001)).toBe(true)
  expect(look(40, 11, 7_000)).toBe(false)
  expect(look(50, 11, 8_001)).toBe(true)
  expect(look(50, 50, 8_002)).toBe(false)
})
