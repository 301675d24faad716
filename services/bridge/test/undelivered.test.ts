import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { messageDeadLettered, messageExpired } from '@mumega/contracts/deliveries'
import { handleListBodies } from '../src/deliveries/bodies.ts'
import { handleListUndelivered } from '../src/deliveries/undelivered.ts'
import { handleGetAgent } from '../src/agents/read-agents.ts'
import { handleGetInboxMessage } from '../src/messages/get-inbox-message.ts'
import { handleSendMessage } from '../src/messages/send-message.ts'
import { agent, inconsistentInboxes, operator, refusal } from './given.ts'
import { ids, startDeliveries, type Deliveries } from './given-deliveries.ts'

let bus: Deliveries
beforeAll(async () => {
  bus = await startDeliveries()
})
afterAll(async () => {
  expect(await inconsistentInboxes(bus)).toEqual([])
  await bus.stop()
})

test('a rejected message is a dead letter with the reason, once', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  const { deadLetteredAt } = await bus.reject(loom, messageId, 'the file is gone')

  expect(await bus.seen(messageId)).toMatchObject({
    status: 'dead-lettered',
    reason: 'rejected: the file is gone',
    deadLetteredAt,
    attempts: 1,
  })
  expect(await refusal(bus.reject(loom, messageId))).toMatchObject({
    code: 'bridge.message-settled',
    details: { was: 'dead-lettered' },
  })
  bus.pass(60)
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
  const told = await bus.events(messageDeadLettered)
  expect(told.filter((event) => event.messageId === messageId)).toEqual([
    { tenantId: 'acme', agent: loom, messageId, reason: 'rejected: the file is gone' },
  ])
  const targets = (await bus.intents('message.dead-lettered')).map(({ target }) => target)
  expect(targets.filter((target) => target === `message:${messageId}`)).toHaveLength(1)
})

test('a reason that is too long, or cannot be stored, is refused and nothing changes', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  expect(await refusal(bus.reject(loom, messageId, 'é'.repeat(1_001)))).toMatchObject({
    code: 'bridge.text-too-large',
    details: { field: 'reason', limitBytes: 2_000, actualBytes: 2_002 },
  })
  expect(await refusal(bus.reject(loom, messageId, 'a\u0000b'))).toMatchObject({
    code: 'bridge.invalid-text',
  })
  expect(await bus.seen(messageId)).toMatchObject({ status: 'queued' })
})

test('a dead letter that is dealt with after all is one no more', async () => {
  const loom = await bus.givenAgent()
  const messageId = await bus.send(loom)
  await bus.reject(loom, messageId)
  await bus.acknowledge(loom, messageId)

  expect(await bus.seen(messageId)).toMatchObject({ status: 'acknowledged' })
  const listed = await handleListUndelivered(bus.bridge, operator(), { limit: 100 })
  expect(ids(listed)).not.toContain(messageId)
  expect(await refusal(bus.redeliver(loom, messageId))).toMatchObject({
    code: 'bridge.not-a-dead-letter',
  })
})

test('an operator delivers a dead letter again, to every body, with all its attempts', async () => {
  const loom = await bus.givenAgent()
  await bus.receive(loom, 'laptop')
  await bus.receive(loom, 'server')
  const messageId = await bus.send(loom)
  await bus.receive(loom, 'laptop')
  await bus.reject(loom, messageId)
  await bus.receive(loom, 'server')

  await bus.redeliver(loom, messageId)

  const expected = { messages: [{ messageId, attempt: 1 }] }
  expect(await bus.receive(loom, 'laptop')).toMatchObject(expected)
  expect(await bus.receive(loom, 'server')).toMatchObject(expected)
  expect(await bus.receive(loom, 'phone')).toMatchObject(expected)
  expect(await bus.seen(messageId)).toMatchObject({ status: 'fetched' })
  expect(await bus.intents('message.redelivered')).toMatchObject([
    { target: `message:${messageId}`, actor: { kind: 'human' } },
  ])
  expect(await refusal(bus.redeliver(loom, messageId))).toMatchObject({
    code: 'bridge.not-a-dead-letter',
  })
})

test('agents neither list nor redeliver dead letters', async () => {
  const loom = await bus.givenAgent()
  const refused = await refusal(handleListUndelivered(bus.bridge, agent(loom), { limit: 1 }))
  expect(refused).toMatchObject({ code: 'bridge.operators-only' })
})

test('dead letters are listed newest first, page by page, of one tenant', async () => {
  const loom = await bus.givenAgent()
  const rejected: string[] = []
  for (let index = 0; index < 5; index += 1) {
    const messageId = await bus.send(loom)
    bus.pass(index % 2)
    await bus.reject(loom, messageId)
    rejected.unshift(messageId)
  }

  const listed: string[] = []
  for (let before: string | undefined; listed.length < 5;) {
    const request = { limit: 2, ...(before === undefined ? {} : { before }) }
    const page = await handleListUndelivered(bus.bridge, operator(), request)
    listed.push(...ids(page))
    before = page.next
  }
  expect(listed.slice(0, 5)).toEqual(rejected)
  const elsewhere = await handleListUndelivered(bus.bridge, operator('other'), { limit: 100 })
  expect(elsewhere).toEqual({ messages: [] })
  for (const before of ['x', '1.loom', '1.loom.0', '99999999999999999.loom.1']) {
    const refused = await refusal(
      handleListUndelivered(bus.bridge, operator(), { limit: 1, before }),
    )
    expect(refused).toMatchObject({ code: 'bridge.invalid-cursor' })
  }
})

test('a message expires when it says so, for whoever has not acknowledged it', async () => {
  const loom = await bus.givenAgent()
  const expiresAt = new Date(bus.now().getTime() + 60_000).toISOString()
  const fetched = await bus.send(loom, { expiresAt })
  expect(await bus.receive(loom, 'laptop')).toMatchObject({ messages: [{ expiresAt }] })
  const queued = await bus.send(loom, { expiresAt })
  bus.pass(60)
  // Also before the bridge has looked.
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
  await bus.sweep()

  const told = await bus.events(messageExpired)
  for (const messageId of [fetched, queued]) {
    expect(told).toContainEqual({ tenantId: 'acme', messageId, agents: [loom] })
    expect(await bus.seen(messageId)).toMatchObject({
      status: 'expired',
      expiredAt: bus.now().toISOString(),
    })
  }
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([])
  expect(ids(await bus.receive(loom, 'server'))).toEqual([])
  expect(await handleGetAgent(bus.bridge, agent(loom), { name: loom })).toMatchObject({ unread: 0 })
  const shown = await handleGetInboxMessage(bus.bridge, agent(loom), { messageId: queued })
  expect(shown).toMatchObject({ messageId: queued, text: 'work' })
})

test('a message that expires keeps nobody from what comes after it', async () => {
  const loom = await bus.givenAgent()
  await bus.receive(loom, 'laptop')
  const expiresAt = new Date(bus.now().getTime() + 1_000).toISOString()
  await bus.send(loom, { expiresAt })
  bus.pass(1)
  expect(await bus.receive(loom, 'laptop')).toEqual({ messages: [], more: false })
  // Passed, so that it is not looked at over and over.
  const { bodies } = await handleListBodies(bus.bridge, agent(loom))
  expect(bodies).toMatchObject([{ cursor: 1 }])
  const next = await bus.send(loom)
  expect(ids(await bus.receive(loom, 'laptop'))).toEqual([next])
})

test('an expiry in the past is refused, but not the repetition of a request that was in time', async () => {
  const loom = await bus.givenAgent()
  const expiresAt = new Date(bus.now().getTime() + 1_000).toISOString()
  const order = { requestId: randomUUID(), to: loom, text: 'soon', expiresAt }
  const first = await handleSendMessage(bus.bridge, agent('kasra'), order)
  bus.pass(10)

  expect(await handleSendMessage(bus.bridge, agent('kasra'), order)).toEqual(first)
  expect(await refusal(bus.send(loom, { expiresAt }))).toMatchObject({
    code: 'bridge.expired-already',
    details: { field: 'expiresAt' },
  })
})

test.each(['2026-13-45T99:99:99.999Z', '2027-02-30T00:00:00.000Z', '0000-01-01T00:00:00.000Z'])(
  'an expiry that no calendar has is refused: %s',
  async (expiresAt) => {
    const loom = await bus.givenAgent()
    expect(await refusal(bus.send(loom, { expiresAt }))).toMatchObject({
      code: 'bridge.invalid-time',
      details: { field: 'expiresAt' },
    })
  },
)

test('a dead letter that has expired meanwhile is not delivered again', async () => {
  const loom = await bus.givenAgent()
  const expiresAt = new Date(bus.now().getTime() + 1_000).toISOString()
  const messageId = await bus.send(loom, { expiresAt })
  await bus.reject(loom, messageId)
  bus.pass(2)
  await bus.sweep()
  expect(await refusal(bus.redeliver(loom, messageId))).toMatchObject({
    code: 'bridge.expired-already',
  })
})

test('two bridges that sweep at once leave one entry for each dead letter and each expiry', async () => {
  const loom = await bus.givenAgent()
  const expiresAt = new Date(bus.now().getTime() + 2_000_000).toISOString()
  const used: string[] = []
  for (let index = 0; index < 20; index += 1) used.push(await bus.send(loom))
  const expiring: string[] = []
  for (let index = 0; index < 20; index += 1) expiring.push(await bus.send(loom, { expiresAt }))
  for (const seconds of [30, 120, 600, 600]) {
    await bus.receive(loom, 'laptop')
    bus.pass(seconds)
  }
  bus.pass(2_000)

  await Promise.all(Array.from({ length: 8 }, () => bus.sweep()))

  const targets = (messageIds: string[]) => messageIds.map((id) => `message:${id}`).sort()
  const dead = (await bus.intents('message.dead-lettered')).map(({ target }) => target)
  const expired = (await bus.intents('message.expired')).map(({ target }) => target)
  const ended = [...dead, ...expired].filter((target) =>
    targets([...used, ...expiring]).includes(target),
  )
  expect(ended.sort()).toEqual(targets([...used, ...expiring]))
})
