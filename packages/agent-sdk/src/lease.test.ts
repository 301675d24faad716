import { expect, test } from '@jest/globals'
import { AppError } from '@mumega/errors'
import { keepLease } from './lease.ts'

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()
const away = () => new AppError('agent-sdk.no-answer', 'unavailable', 'away')
const lost = () => new AppError('bridge.lease-lost', 'conflict', 'lost')

/** Resolves when it is asked for the nth time, which is answered by `answers` in turn. */
function givenHold(answers: (() => string)[]) {
  let asked = 0
  let onAsked: () => void = () => undefined
  const all = new Promise<void>((resolve) => (onAsked = resolve))
  return {
    all,
    asked: () => asked,
    hold: () => {
      const answer = answers[asked]
      asked += 1
      if (asked === answers.length) onAsked()
      return answer === undefined ? Promise.reject(lost()) : Promise.resolve().then(answer)
    },
  }
}

const fail = (error: Error) => (): string => {
  throw error
}

test('a lease is renewed again and again, before it ends', async () => {
  const held = givenHold([() => inMs(100), () => inMs(100), () => inMs(60_000)])
  const lease = keepLease({ leaseUntil: inMs(100), hold: held.hold })
  await held.all
  expect(lease.signal.aborted).toBe(false)
  lease.end()
})

test('a lease that is lost says so at once', async () => {
  const held = givenHold([fail(lost())])
  const lease = keepLease({ leaseUntil: inMs(100), hold: held.hold })
  await new Promise((resolve) => lease.signal.addEventListener('abort', resolve))
  expect(lease.signal.reason).toMatchObject({ code: 'bridge.lease-lost' })
  expect(held.asked()).toBe(1)
})

test('a gateway that is away for a moment costs no lease', async () => {
  const held = givenHold([fail(away()), fail(away()), () => inMs(60_000)])
  const lease = keepLease({ leaseUntil: inMs(2_000), hold: held.hold })
  await held.all
  expect(lease.signal.aborted).toBe(false)
  lease.end()
})

test('a gateway that stays away costs it, when its time is over', async () => {
  const held = givenHold(Array.from({ length: 100 }, () => fail(away())))
  const lease = keepLease({ leaseUntil: inMs(150), hold: held.hold })
  await new Promise((resolve) => lease.signal.addEventListener('abort', resolve))
  expect(lease.signal.reason).toMatchObject({ code: 'agent-sdk.no-answer' })
})
