import { expect, test } from '@jest/globals'
import { every } from './every.ts'

// So long that the test would not end.
const NEVER_MS = 3_600_000

/** Work that goes on until it is let go, once for each beginning. */
function givenWork() {
  const begun: { signal: AbortSignal; end: () => void }[] = []
  let onBegun: () => void = () => undefined
  return {
    begun,
    work: (signal: AbortSignal) =>
      new Promise<void>((end) => {
        begun.push({ signal, end })
        onBegun()
      }),
    untilBegun: (times: number) =>
      new Promise<void>((resolve) => {
        onBegun = () => {
          if (begun.length >= times) resolve()
        }
        onBegun()
      }),
  }
}

/** Resolves when others have rested as long, several times. */
async function longerThanItsRest(): Promise<void> {
  const { begun, work, untilBegun } = givenWork()
  const other = every(1, work)
  for (const times of [1, 2, 3, 4, 5]) {
    await untilBegun(times)
    begun.at(-1)?.end()
  }
  await other.stop()
}

test('the end waits for what is under way, and nothing is begun behind it', async () => {
  const { begun, work } = givenWork()
  const repeating = every(1, work)
  let isStopped = false

  const stopped = repeating.stop().then(() => (isStopped = true))
  await new Promise(setImmediate)

  expect(begun.map(({ signal }) => signal.aborted)).toEqual([true])
  expect(isStopped).toBe(false)
  begun[0]?.end()
  await stopped
  expect(begun).toHaveLength(1)
})

test('it is done again after it has ended, never beside itself', async () => {
  const { begun, work, untilBegun } = givenWork()
  const repeating = every(1, work)

  for (const times of [1, 2, 3]) {
    await untilBegun(times)
    await longerThanItsRest()
    expect(begun).toHaveLength(times)
    begun.at(-1)?.end()
  }

  await repeating.stop()
})

test('who waits for the next time, or for the first, is woken up by the end', async () => {
  const { begun, work } = givenWork()
  const resting = every(NEVER_MS, work)
  begun[0]?.end()
  await new Promise(setImmediate)
  const delayed = every(NEVER_MS, work, { delayMs: NEVER_MS })

  await Promise.all([resting.stop(), delayed.stop()])

  expect(begun).toHaveLength(1)
})
