import { expect, test } from '@jest/globals'
import type { messageAccepted } from '@mumega/contracts/bridge'
import type { PayloadOf } from '@mumega/contracts/define'
import { openWaitingAsks } from './waiting-asks.ts'

const KASRA = { tenantId: 'acme', agent: 'kasra' }
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
  const asks = openWaitingAsks({ all: 4, perTenant: 3, perAgent: 2 })
  const ask = asks.open(KASRA)
  ask.expect(QUESTION)
  return { asks, ask }
}

test('an answer wakes every ask that waits for it, and only those', async () => {
  const { asks, ask } = givenAsk()
  const same = asks.open(KASRA)
  same.expect(QUESTION)
  const other = asks.open({ tenantId: 'globex', agent: 'kasra' })
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

test('a wait that was abandoned is woken and told, and no other of the same question', async () => {
  const asks = openWaitingAsks({ all: 4, perTenant: 4, perAgent: 4 })
  const waits = ['one', 'two'].map((waitId) => asks.open({ ...KASRA, waitId }))
  for (const wait of waits) wait.expect(QUESTION)
  const elsewhere = asks.open({ ...KASRA, tenantId: 'globex', waitId: 'one' })
  const all = [...waits, elsewhere, asks.open(KASRA)]
  const woken = all.map((wait) => wait.nextWake())

  asks.abandon({ tenantId: 'acme', waitId: 'one' })

  expect(await Promise.all(woken.map(isSettled))).toEqual([true, false, false, false])
  expect(all.map((wait) => wait.isAbandoned())).toEqual([true, false, false, false])
})

test('a place is given back once, however often an ask is closed', () => {
  const { asks, ask } = givenAsk()
  const second = asks.open(KASRA)
  expect(() => asks.open(KASRA)).toThrow('2 questions of this agent')
  asks.open({ ...KASRA, agent: 'river' })
  expect(() => asks.open({ ...KASRA, agent: 'loom' })).toThrow('3 questions of this tenant')
  asks.open({ ...KASRA, tenantId: 'globex' })
  expect(() => asks.open({ ...KASRA, tenantId: 'initech' })).toThrow('4 questions wait')

  ask.close()
  ask.close()
  expect(asks.count()).toBe(3)
  asks.open(KASRA)
  expect(() => asks.open({ ...KASRA, tenantId: 'initech' })).toThrow('4 questions wait')
  second.close()
  expect(asks.count()).toBe(3)
})
