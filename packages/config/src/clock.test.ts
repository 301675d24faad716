import { expect, test } from '@jest/globals'
import { scaledClock } from './clock.ts'

const YEAR_MS = 31_536_000_000

test.each([
  [{ scale: 1_000_000, originMs: 0 }],
  [{ scale: 1_000_000, originMs: Date.now() - YEAR_MS }],
  [{ scale: 2, originMs: 8_000_000_000_000_000 }],
  [{ scale: 1e300, originMs: Date.now() - 1 }],
])('a clock that is past what a timestamp can say is refused when it is made: %j', (options) => {
  expect(() => scaledClock(options)).toThrow(/MUMEGA_TIME_SCALE/)
})

test('a clock that shows a time with four digits of a year is made', () => {
  const clock = scaledClock({ scale: 1_000_000, originMs: Date.now() })

  expect(clock.now().toISOString()).toMatch(/^\d{4}-/)
})
