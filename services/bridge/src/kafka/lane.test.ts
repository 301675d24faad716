import { expect, test } from '@jest/globals'
import { openLane } from './lane.ts'

test('what fails is tried again before anything behind it is handled', async () => {
  const handled: number[] = []
  let failures = 2
  const lane = openLane<number>({
    batchMax: 2,
    async handle(batch) {
      await Promise.resolve()
      if (batch.includes(3) && failures > 0) {
        failures -= 1
        throw new Error('not now')
      }
      handled.push(...batch)
    },
  })

  await Promise.all([1, 2, 3, 4, 5].map((entry) => lane.push(entry)))

  expect(failures).toBe(0)
  expect(handled).toEqual([1, 2, 3, 4, 5])
})

test('a lane whose handler hangs stops in time, and nothing is said to be handled', async () => {
  const lane = openLane<number>({ batchMax: 1, handle: () => new Promise(() => undefined) })
  const pushed = [1, 2].map((entry) => lane.push(entry))

  await lane.stop(1)

  const ends = await Promise.allSettled([...pushed, lane.push(3)])
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
})

test('a batch weighs no more than it may, but for what is too heavy by itself', async () => {
  const batches: (readonly number[])[] = []
  const lane = openLane<number>({
    batchMax: 3,
    weightMax: 10,
    weightOf: (entry) => entry,
    async handle(batch) {
      await Promise.resolve()
      batches.push(batch)
    },
  })

  await Promise.all([4, 6, 1, 12, 9, 1, 1, 1, 1].map((entry) => lane.push(entry)))

  // The first is taken before the others have come.
  expect(batches).toEqual([[4], [6, 1], [12], [9, 1], [1, 1, 1]])
})
