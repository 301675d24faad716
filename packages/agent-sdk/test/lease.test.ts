import { expect, test } from '@jest/globals'
import { AppError } from '@mumega/errors'
import { keepLease } from '../src/lease.ts'
import { givenTime } from './given-time.ts'

const away = new AppError('agent-sdk.no-answer', 'unavailable', 'away')
const lost = new AppError('bridge.lease-lost', 'conflict', 'lost')

/** A lease of 30 seconds, whose holds are answered in turn; the last answer stays. */
function givenLease(answers: (number | AppError)[]) {
  const { time, pass } = givenTime()
  const within: number[] = []
  const hold = (withinMs: number) => {
    const answer = answers[Math.min(within.length, answers.length - 1)]
    within.push(withinMs)
    if (answer instanceof AppError) return Promise.reject(answer)
    return Promise.resolve(answer ?? 0)
  }
  return { lease: keepLease({ time, grantedMs: 30_000, hold }), pass, within }
}

test('a lease is renewed at about half of what it was granted for, and not before', async () => {
  const { lease, pass, within } = givenLease([120_000])
  await pass(11_000)
  expect(within).toHaveLength(0)
  await pass(4_000)
  expect(within).toHaveLength(1)
  await pass(47_000)
  expect(within).toHaveLength(1)
  await pass(13_000)
  expect(within).toHaveLength(2)
  expect(lease.signal.aborted).toBe(false)
  lease.end()
  await pass(3_600_000)
  expect(within).toHaveLength(2)
})

test('a lease that the gateway calls lost is lost at once', async () => {
  const { lease, pass, within } = givenLease([lost])
  await pass(15_000)
  expect(lease.signal.reason).toBe(lost)
  await pass(3_600_000)
  expect(within).toHaveLength(1)
})

test('a gateway that is away for a moment costs no lease', async () => {
  const { lease, pass, within } = givenLease([away, away, 120_000])
  for (let second = 0; second < 60; second += 1) await pass(1_000)
  expect(within).toHaveLength(3)
  expect(lease.signal.aborted).toBe(false)
  lease.end()
})

test('a gateway that stays away costs it when its time has passed, and is not besieged', async () => {
  const { lease, pass, within } = givenLease([away])
  for (let second = 0; second < 29; second += 1) await pass(1_000)
  expect(lease.signal.aborted).toBe(false)
  for (let second = 0; second < 3; second += 1) await pass(1_000)
  expect(lease.signal.reason).toBe(away)
  expect(within.length).toBeLessThan(12)
  expect(Math.min(...within)).toBe(1_000)
})

test('a lease that is granted for no time at all is asked for once a second at most', async () => {
  const { lease, pass, within } = givenLease([0])
  await pass(15_000)
  for (let tenth = 0; tenth < 100; tenth += 1) await pass(100)
  expect(within.length).toBeLessThanOrEqual(11)
  lease.end()
})
