import { expect, test } from '@jest/globals'
import { scrubPace } from './scrub-log.ts'

test('LOCK-MON-7: a flood slows the scrubber to a quarter, and never stops it', () => {
  expect(scrubPace(1_000, 0)).toBe(1_000)
  expect(scrubPace(1_000, 5_000)).toBe(1_000)
  expect(scrubPace(1_000, 5_001)).toBe(250)
  expect(scrubPace(1, 1_000_000)).toBe(0.25)
})
