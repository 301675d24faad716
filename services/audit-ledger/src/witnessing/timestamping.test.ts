import { expect, test } from '@jest/globals'
import { isStampDue } from './timestamping.ts'

const HOUR_MS = 3_600_000
const settings = { anchors: 4, everyMs: HOUR_MS }

test.each<
  [what: string, seen: { size: number; last?: { size: number; ageMs: number } }, isDue: boolean]
>([
  ['an empty log', { size: 0 }, false],
  ['the first checkpoint', { size: 1 }, true],
  ['no growth for a day', { size: 300, last: { size: 300, ageMs: 24 * HOUR_MS } }, false],
  ['growth within the hour', { size: 1_023, last: { size: 10, ageMs: HOUR_MS - 1 } }, false],
  ['growth after an hour', { size: 11, last: { size: 10, ageMs: HOUR_MS } }, true],
  ['the fourth anchor since', { size: 1_024, last: { size: 10, ageMs: 0 } }, true],
  ['the third anchor since', { size: 1_279, last: { size: 256, ageMs: 0 } }, false],
  ['a log that was set back', { size: 5, last: { size: 10, ageMs: 24 * HOUR_MS } }, false],
])('a stamp is due by anchors or by time, and never without growth: %s', (_, seen, isDue) => {
  expect(isStampDue(seen.size, seen.last, settings)).toBe(isDue)
})
