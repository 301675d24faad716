import { expect, test } from '@jest/globals'
import { takeInTurns } from './take-in-turns.ts'

/** Work that holds the process. */
function work(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('between two long pieces of work others have their turn', async () => {
  const seen: string[] = []
  setImmediate(() => seen.push('another'))
  await takeInTurns(['one', 'two', 'three'], (one) => {
    work(20)
    seen.push(one)
  })

  expect(seen).toEqual(['one', 'another', 'two', 'three'])
})
