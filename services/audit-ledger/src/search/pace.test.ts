import { expect, test } from '@jest/globals'
import { hasTimeToCheck, restMs, SLICE } from './pace.ts'

const QUIET = { workMs: 10, behind: 0, grownPerSecond: 0 }

test('while the log grows fast the projector works a twentieth of the time at most', () => {
  for (const workMs of [1, 10, 50, 100]) {
    for (const behind of [0, 1_000, 1_000_000]) {
      const rest = restMs({ workMs, behind, grownPerSecond: 40_000 })
      expect(workMs / (workMs + rest)).toBeLessThanOrEqual(0.0501)
    }
  }
})

test('a rest is bounded, however long the work took: the index never stands still', () => {
  expect(restMs({ workMs: 60_000, behind: 1_000, grownPerSecond: 40_000 })).toBe(2_000)
})

test('what it missed is caught up at once when the log rests, and the slower the faster it grows', () => {
  expect(restMs({ ...QUIET, behind: 10 * SLICE })).toBe(0)
  const rests = [10, 100, 1_000, 5_000, 40_000].map((grownPerSecond) =>
    restMs({ workMs: 10, behind: 10 * SLICE, grownPerSecond }),
  )
  expect(rests).toEqual([...rests].sort((one, other) => one - other))
  expect(rests[2]).toBeLessThan(50)
})

test('a few entries are gathered, so that each commit does not cost a slice', () => {
  expect(restMs({ workMs: 1, behind: 3, grownPerSecond: 100 })).toBe(100)
})

test('the index is compared with the log only while there is nothing to project', () => {
  expect(hasTimeToCheck(QUIET)).toBe(true)
  expect(hasTimeToCheck({ ...QUIET, behind: 1 })).toBe(false)
  expect(hasTimeToCheck({ ...QUIET, grownPerSecond: 40_000 })).toBe(false)
})
