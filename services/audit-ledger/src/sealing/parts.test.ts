import { expect, test } from '@jest/globals'
import { openParts, type Parts } from './parts.ts'

function fail(parts: Parts, times: number): void {
  for (let nth = 0; nth < times; nth += 1) parts.onFailure()
}

test('what fails is tried in halves, down to one, and never none', () => {
  const parts = openParts(5)
  const tried = Array.from({ length: 5 }, () => {
    parts.onFailure()
    return parts.atOnceMax()
  })

  expect(tried).toEqual([3, 2, 1, 1, 1])
})

test('after an outage, however long, a group is not sealed one by one', () => {
  const parts = openParts(2_048)
  fail(parts, 100)

  let commits = 0
  for (let left = 2_048; left > 0; commits += 1) {
    left -= parts.atOnceMax()
    parts.onPassed()
  }

  expect(commits).toBe(12)
})

test('where only parts of some size pass, one of twice that size is tried once', () => {
  const parts = openParts(64)
  const failed: number[] = []
  for (let left = 64; left > 0;) {
    const count = Math.min(left, parts.atOnceMax())
    if (count > 8) {
      failed.push(count)
      parts.onFailure()
    } else {
      left -= count
      parts.onPassed()
    }
  }

  expect(failed).toEqual([64, 32, 16, 16])
})
