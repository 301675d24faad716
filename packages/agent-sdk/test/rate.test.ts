import { expect, test } from '@jest/globals'
import { openRate } from '../src/rate.ts'
import { givenTime } from './given-time.ts'

const said = (limit: number, remaining: number, reset: number) =>
  new Headers({
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(reset),
  })

/** The rate after an answer of now. */
function givenRate(...answer: [limit: number, remaining: number, reset: number]) {
  const { time, pass } = givenTime()
  const rate = openRate(time)
  rate.note(said(...answer), 0)
  return { rate, pass }
}

test('what keeps a message has its place when other requests have to wait', async () => {
  const { rate, pass } = givenRate(60, 12, 40)
  rate.held = 10
  await rate.take({})
  await rate.take({})
  let isThird = false
  const third = rate.take({}).then(() => (isThird = true))
  for (let index = 0; index < 10; index += 1) await rate.take({ goesFirst: true })
  await pass(39_000)
  expect(isThird).toBe(false)
  await pass(1_000)
  await third
})

test('no more messages are received than can be held by two thirds of the requests', async () => {
  const { rate } = givenRate(60, 59, 60)
  expect(rate.room()).toBe(40)
  rate.held = 40
  expect(rate.room()).toBe(0)
})

test('no more messages are received than can be held by what is left of this minute', async () => {
  const { rate, pass } = givenRate(60, 5, 50)
  expect(rate.room()).toBe(4)
  rate.held = 4
  expect(rate.room()).toBe(0)
  await pass(50_000)
  expect(rate.room()).toBe(36)
})

test('however much is held, something else is asked in each minute', async () => {
  const { rate, pass } = givenRate(60, 0, 1)
  rate.held = 100
  await pass(1_000)
  for (let index = 0; index < 20; index += 1) await rate.take({})
  let isMore = false
  void rate.take({}).then(() => (isMore = true))
  await pass(59_000)
  expect(isMore).toBe(false)
  await pass(1_000)
  expect(isMore).toBe(true)
})

test('an answer that was long on its way says nothing of the minute that runs', async () => {
  const { rate, pass } = givenRate(60, 59, 10)
  await pass(20_000)
  for (let index = 0; index < 59; index += 1) await rate.take({})
  rate.note(said(60, 50, 10), 5_000)
  expect(rate.room()).toBe(0)
})

test('a gateway that says nothing of a rate, or nonsense, limits nothing', async () => {
  const { rate } = givenRate(-1, 0, 9_999_999)
  rate.note(new Headers(), 0)
  rate.note(said(60, 0, 9_999_999), 0)
  rate.held = 1_000
  await rate.take({})
  expect(rate.room()).toBe(Infinity)
})
