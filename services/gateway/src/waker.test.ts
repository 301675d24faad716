import { expect, test } from '@jest/globals'
import { AppError } from '@mumega/errors'
import { openWaker } from './waker.ts'

const LONG_MS = 60_000

test('what happened while the loop worked ends its next wait at once', async () => {
  const waker = openWaker()
  waker.wake()
  waker.wake()

  expect(await waker.wait(LONG_MS)).toBe('woken')
  expect(await waker.wait(1)).toBe('time')
})

test('a wait ends when it is woken and when it is over, with the first reason', async () => {
  const waker = openWaker()
  const woken = waker.wait(LONG_MS)
  waker.wake()
  expect(await woken).toBe('woken')

  const over = waker.wait(LONG_MS)
  const reason = new AppError('gateway.stopping', 'unavailable', 'Stopping.')
  waker.end(reason)
  waker.close()
  expect(await over).toBe('over')
  expect(await waker.wait(LONG_MS)).toBe('over')
  expect([waker.isOver(), waker.reason()]).toEqual([true, reason])
})
