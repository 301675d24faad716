import { expect, test } from '@jest/globals'
import type { messageAccepted } from '@mumega/contracts/bridge'
import type { PayloadOf } from '@mumega/contracts/define'
import { openWaitingAsks } from './waiting-asks.ts'

const QUESTION = { tenantId: 'acme', messageId: 'question', asked: 'loom' }
const ANSWER: PayloadOf<typeof messageAccepted> = {
  tenantId: 'acme',
  to: ['kasra'],
  messageId: 'answer',
  from: 'loom',
  kind: 'send',
  replyTo: 'question',
  sentAt: '2026-11-21T08:00:00.000Z',
}

/** Whether the promise is settled once everything that is ready has run. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false
  void promise.then(() => {
    settled = true
  })
  await new Promise(setImmediate)
  return settled
}

function givenAsk() {
  const asks = openWaitingAsks({ all: 3, perTenant: 2 })
  const ask = asks.open('acme')
  ask.expect(QUESTION)
  return { asks, ask }
}

test('an answer wakes every ask that waits for it, and only those', async () => {
  const { asks, ask } = givenAsk()
  const same = asks.open('acme')
  same.expect(QUESTION)
  const other = asks.open('globex')
  other.expect({ ...QUESTION, messageId: 'another' })
  const woken = [ask, same, other].map((one) => one.nextWake())

  asks.hear(ANSWER)

  expect(await Promise.all(woken.map(isSettled))).toEqual([true, true, false])
})

test.each([
  ['of another tenant', { tenantId: 'globex' }],
  ['of another agent', { from: 'river' }],
  ['to another question', { replyTo: 'another' }],
])('a message %s wakes nobody', async (_case, fields) => {
  const { asks, ask } = givenAsk()
  const woken = ask.nextWake()

  asks.hear({ ...ANSWER, ...fields })

  expect(await isSettled(woken)).toBe(false)
})

test('a wake between two looks is not lost', async () => {
  const { asks, ask } = givenAsk()
  const woken = ask.nextWake()
  asks.hear(ANSWER)
  asks.hear(ANSWER)

  expect(await isSettled(woken)).toBe(true)
  expect(await isSettled(ask.nextWake())).toBe(false)
})

test('a reconnection wakes all; a stop wakes all and says so', async () => {
  const { asks, ask } = givenAsk()
  const reconnected = ask.nextWake()
  asks.wakeAll()
  expect([await isSettled(reconnected), ask.isStopped()]).toEqual([true, false])

  const stopped = ask.nextWake()
  asks.stop()
  expect([await isSettled(stopped), ask.isStopped()]).toEqual([true, true])
})

test('a place is given back once, however often an ask is closed', () => {
  const { asks, ask } = givenAsk()
  const second = asks.open('acme')
  expect(() => asks.open('acme')).toThrow('2 asks')
  asks.open('globex')
  expect(() => asks.open('globex')).toThrow('3 asks')

  ask.close()
  ask.close()
  expect(asks.count()).toBe(2)
  asks.open('acme')
  expect(() => asks.open('acme')).toThrow('3 asks')
  second.close()
  expect(asks.count()).toBe(2)
})
