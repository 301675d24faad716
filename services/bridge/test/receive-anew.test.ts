import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { handleForgetBody } from '../src/deliveries/bodies.ts'
import { eventually } from '@mumega/testkit'
import { agent, areWaiting, inconsistentInboxes, refusal } from './given.ts'
import { ids, startDeliveries, type Deliveries } from './given-deliveries.ts'

let bus: Deliveries
beforeAll(async () => {
  bus = await startDeliveries()
})
afterAll(async () => {
  expect(await inconsistentInboxes(bus)).toEqual([])
  await bus.stop()
})

test('a call whose answer was lost is given the same again, as the same delivery', async () => {
  const loom = await bus.givenAgent()
  const sent: string[] = []
  for (let index = 0; index < 5; index += 1) sent.push(await bus.send(loom))
  const claim = { body: 'laptop', limit: 3, claimId: randomUUID() }

  const [first, again] = await Promise.all([bus.claim(loom, claim), bus.claim(loom, claim)])
  bus.pass(1)
  expect(ids(first)).toEqual(sent.slice(0, 3))
  expect(again.messages).toEqual(first.messages)
  expect((await bus.claim(loom, claim)).messages).toEqual(first.messages)
  expect(await bus.seen(sent[0] ?? '')).toMatchObject({ attempts: 1 })

  // Neither what is dealt with, nor to another body, nor to another call.
  await bus.acknowledge(loom, sent[0] ?? '')
  expect(ids(await bus.claim(loom, claim))).toEqual(sent.slice(1, 3))
  expect(ids(await bus.claim(loom, { ...claim, body: 'server', limit: 1 }))).toEqual([sent[1]])
  expect(ids(await bus.claim(loom, { ...claim, claimId: randomUUID() }))).toEqual(sent.slice(3))
})

test('a claim that is over is given what comes next, and what has come again by another', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  const claim = { body: 'laptop', limit: 1, claimId: randomUUID() }
  await bus.claim(loom, claim)
  bus.pass(30)
  const { messages } = await bus.receive(loom, 'laptop')
  expect(messages).toMatchObject([{ messageId, attempt: 2 }])
  expect(ids(await bus.claim(loom, claim))).toEqual([])
  const next = await bus.send(loom)
  expect(ids(await bus.claim(loom, claim))).toEqual([next])
  bus.pass(30)
  expect((await bus.claim(loom, claim)).messages).toMatchObject([{ messageId: next, attempt: 2 }])
})

test('a dead letter that is delivered again while a new body begins reaches that body', async () => {
  const loom = await bus.givenAgent()
  const dead = await bus.send(loom)
  await bus.reject(loom, dead)
  const live = await bus.send(loom)
  const holding = await bus.admin.transaction()
  await holding.raw('select from deliveries where message_id = ? for update', [live])
  const receiving = bus.receive(loom, 'fresh')
  await eventually(() => areWaiting(bus.admin, 1), { what: 'the body, which has its cursor' })
  const redelivering = bus.redeliver(loom, dead)
  await eventually(() => areWaiting(bus.admin, 2), { what: 'the redelivery behind it' })
  await holding.commit()

  expect(ids(await receiving)).toEqual([live])
  await redelivering
  expect(ids(await bus.receive(loom, 'fresh'))).toEqual([dead])
})

test('a process that lost a message to another one of its body cannot hold it any more', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  const held = { body: 'laptop', messageId, seconds: 60 }
  await bus.receive(loom, 'laptop')
  await bus.hold(loom, { ...held, attempt: 1 })
  bus.pass(60)
  await bus.receive(loom, 'laptop')

  expect(await refusal(bus.hold(loom, { ...held, attempt: 1 }))).toMatchObject({
    code: 'bridge.lease-lost',
  })
  await bus.hold(loom, { ...held, attempt: 2 })
})

test('a dead letter is delivered again although a body is being forgotten', async () => {
  const loom = await bus.givenAgent()
  const dead = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  await bus.reject(loom, dead)
  const holding = await bus.admin.transaction()
  await holding.raw(`select from bodies where agent = ? for update`, [loom])
  const forgetting = handleForgetBody(bus.bridge, agent(loom), { body: 'laptop' })
  await eventually(() => areWaiting(bus.admin, 1), { what: 'the forgetting at the lock' })
  const redelivering = bus.redeliver(loom, dead)
  await eventually(() => areWaiting(bus.admin, 2), { what: 'the redelivery behind it' })
  await holding.commit()

  await Promise.all([forgetting, redelivering])
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([dead])
})
