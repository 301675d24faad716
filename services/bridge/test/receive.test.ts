import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { BODIES_MAX } from '@mumega/contracts/deliveries'
import { handleForgetBody, handleListBodies } from '../src/deliveries/bodies.ts'
import { handleListUndelivered } from '../src/deliveries/undelivered.ts'
import { handleGetAgent } from '../src/agents/read-agents.ts'
import { handleGetInboxMessage } from '../src/messages/get-inbox-message.ts'
import { eventually } from '@mumega/testkit'
import { agent, areWaiting, inconsistentInboxes, operator, refusal } from './given.ts'
import { ids, startDeliveries, type Deliveries } from './given-deliveries.ts'

let bus: Deliveries
beforeAll(async () => {
  bus = await startDeliveries()
})
afterAll(async () => {
  expect(await inconsistentInboxes(bus)).toEqual([])
  await bus.stop()
})

test('each body of an agent gets every message, and keeps its own place', async () => {
  const loom = await bus.givenAgent()
  await bus.receive(loom, 'laptop')
  await bus.receive(loom, 'server')
  const sent = [await bus.send(loom), await bus.send(loom)]

  expect(ids(await bus.receive(loom, 'laptop'))).toEqual(sent)
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
  expect(ids(await bus.receive(loom, 'server'))).toEqual(sent)
})

test('what one body has settled, another is given once, to know of, and without a lease', async () => {
  const loom = await bus.givenAgent()
  await bus.receive(loom, 'server')
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  const { acknowledgedAt } = await bus.acknowledge(loom, messageId)

  const { messages } = await bus.receive(loom, 'server')
  expect(messages).toMatchObject([{ messageId, acknowledgedAt }])
  expect(messages[0]).not.toHaveProperty('leaseUntil')
  bus.pass(1_000)
  expect(ids(await bus.receive(loom, 'server'))).toEqual([])
})

test('sixteen calls of one body at once are given every message once', async () => {
  const loom = await bus.givenAgent()
  const sent: string[] = []
  for (let index = 0; index < 32; index += 1) sent.push(await bus.send(loom))

  const pages = await Promise.all(Array.from({ length: 16 }, () => bus.receive(loom, 'laptop', 2)))

  expect(pages.flatMap(ids).sort()).toEqual([...sent].sort())
})

test('a message comes again when its lease ends, later each time, and then is a dead letter', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)

  for (const [index, seconds] of [30, 120, 600, 600].entries()) {
    const { messages } = await bus.receive(loom, 'laptop')
    const leaseUntil = new Date(bus.now().getTime() + seconds * 1_000).toISOString()
    expect(messages).toMatchObject([{ messageId, attempt: index + 1, leaseUntil }])
    bus.pass(seconds - 1)
    await bus.sweep()
    expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
    expect(await bus.seen(messageId)).toMatchObject({ status: 'fetched', attempts: index + 1 })
    bus.pass(1)
  }

  await bus.sweep()
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
  const reason = 'delivered 4 times to body laptop and never acknowledged'
  expect(await bus.seen(messageId)).toEqual({
    to: loom,
    status: 'dead-lettered',
    attempts: 4,
    reason,
    deadLetteredAt: bus.now().toISOString(),
  })
  const listed = await handleListUndelivered(bus.bridge, operator(), { limit: 1 })
  expect(listed.messages).toMatchObject([
    { messageId, to: loom, from: 'kasra', reason, attempts: 4 },
  ])
  expect(await handleGetAgent(bus.bridge, agent(loom), { name: loom })).toMatchObject({ unread: 0 })
})

test('an acknowledgement in time ends it, whichever body makes it', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  await bus.receive(loom, 'server')
  await bus.acknowledge(loom, messageId)
  bus.pass(10_000)
  await bus.sweep()

  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
  expect(ids(await bus.receive(loom, 'server'))).toEqual([])
  expect(await bus.seen(messageId)).toMatchObject({ status: 'acknowledged', attempts: 1 })
})

test('what is being acknowledged is not leased to another body meanwhile', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  const holding = await bus.admin.transaction()
  await holding.raw('select from deliveries where message_id = ? for update', [messageId])
  const acknowledging = bus.acknowledge(loom, messageId)
  await eventually(() => areWaiting(bus.admin, 1), { what: 'the acknowledgement at the lock' })
  const receiving = bus.receive(loom, 'server')
  await eventually(() => areWaiting(bus.admin, 2), { what: 'the body behind it' })
  await holding.commit()

  const { acknowledgedAt } = await acknowledging
  const { messages } = await receiving
  expect(messages).toMatchObject([{ messageId, acknowledgedAt }])
  expect(messages[0]).not.toHaveProperty('leaseUntil')
})

test('what nobody fetches waits for weeks and is no dead letter', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  bus.pass(60 * 86_400)
  await bus.sweep()

  expect(await bus.seen(messageId)).toMatchObject({ status: 'queued', attempts: 0 })
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([messageId])
})

test('a message that one body has used up waits while another holds it', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  for (const seconds of [30, 120, 600]) {
    await bus.receive(loom, 'laptop')
    bus.pass(seconds)
  }
  await bus.receive(loom, 'laptop')
  bus.pass(590)
  await bus.receive(loom, 'server')
  bus.pass(29)
  await bus.sweep()
  expect(await bus.seen(messageId)).toMatchObject({ status: 'fetched' })

  bus.pass(1)
  await bus.sweep()
  expect(await bus.seen(messageId)).toMatchObject({ status: 'dead-lettered' })
})

test('a body that holds a message is not given it again until then', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  await bus.hold(loom, { body: 'laptop', messageId, seconds: 3_600 })
  bus.pass(3_599)
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
  bus.pass(1)
  expect(await bus.receive(loom, 'laptop')).toMatchObject({ messages: [{ messageId, attempt: 2 }] })
})

test('a message that is given back comes again at once', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  await bus.hold(loom, { body: 'laptop', messageId, seconds: 0 })
  expect(await bus.receive(loom, 'laptop')).toMatchObject({ messages: [{ messageId, attempt: 2 }] })
})

test('nobody holds what it does not have: too late, never, of another body, settled', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  const hold = (body: string) => refusal(bus.hold(loom, { body, messageId, seconds: 60 }))
  await bus.receive(loom, 'laptop')
  expect(await hold('server')).toMatchObject({ code: 'bridge.lease-lost' })
  bus.pass(30)
  expect(await hold('laptop')).toMatchObject({
    code: 'bridge.lease-lost',
    details: { messageId, body: 'laptop' },
  })
  await bus.receive(loom, 'laptop')
  await bus.acknowledge(loom, messageId)
  expect(await hold('laptop')).toMatchObject({ code: 'bridge.lease-lost' })
})

test('a body that is new begins at the oldest message that is not settled', async () => {
  const loom = await bus.givenAgent()
  const old = await bus.send(loom)
  const open = await bus.send(loom)
  const done = await bus.send(loom)
  await bus.acknowledge(loom, old)
  await bus.acknowledge(loom, done)

  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([open, done])
  await bus.acknowledge(loom, open)
  expect(ids(await bus.receive(loom, 'server'))).toEqual([])
})

test('an agent has so many bodies at most, until one is forgotten', async () => {
  const loom = await bus.givenAgent()
  const names = Array.from({ length: BODIES_MAX + 4 }, (_, index) => `body-${index}`)
  for (const body of names.slice(8)) await bus.receive(loom, body)
  const racing = names.slice(0, 8).map((body) => bus.receive(loom, body))
  const outcomes = await Promise.allSettled(racing)
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  expect(refused).toHaveLength(4)
  expect(refused).toMatchObject(
    Array.from({ length: 4 }, () => ({ reason: { code: 'bridge.too-many-bodies' } })),
  )

  const { bodies } = await handleListBodies(bus.bridge, agent(loom))
  expect(bodies).toHaveLength(BODIES_MAX)
  const [first] = bodies
  await handleForgetBody(bus.bridge, agent(loom), { body: first?.body ?? '' })
  await handleForgetBody(bus.bridge, agent(loom), { body: first?.body ?? '' })
  expect(await bus.receive(loom, 'another')).toEqual({ messages: [], more: false })
})

test('what a forgotten body held is still there for a new one', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  await handleForgetBody(bus.bridge, agent(loom), { body: 'laptop' })
  expect(await bus.receive(loom, 'server')).toMatchObject({ messages: [{ messageId, attempt: 1 }] })
})

test('a stranger can neither hold, reject nor read a message of another’s inbox', async () => {
  const loom = await bus.givenAgent()
  const other = await bus.givenAgent()
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  const read = handleGetInboxMessage(bus.bridge, agent(other), { messageId })
  const refusals = await Promise.all([
    refusal(bus.hold(other, { body: 'laptop', messageId, seconds: 60 })),
    refusal(bus.reject(other, messageId)),
    refusal(read),
    refusal(bus.hold('ghost', { body: 'laptop', messageId, seconds: 60 })),
    refusal(bus.receive('ghost', 'laptop')),
    refusal(handleForgetBody(bus.bridge, agent('ghost'), { body: 'laptop' })),
    refusal(handleListBodies(bus.bridge, agent('ghost'))),
    refusal(handleListBodies(bus.bridge, operator())),
  ])
  expect(refusals.map(({ code }) => code)).toEqual([
    ...['bridge.message-not-found', 'bridge.message-not-found', 'bridge.message-not-found'],
    ...['bridge.agent-not-found', 'bridge.agent-not-found', 'bridge.agent-not-found'],
    ...['bridge.agent-not-found', 'bridge.sender-not-an-agent'],
  ])
})
