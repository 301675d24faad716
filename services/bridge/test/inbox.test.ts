import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { getAgent, listInbox } from '@mumega/contracts/bridge'
import { acknowledgeMessage, getMessage } from '@mumega/contracts/deliveries'
import type { CallContext } from '@mumega/contracts/scalars'
import { eventually } from '@mumega/testkit'
import {
  agent,
  collectIntents,
  givenAgents,
  givenMessage,
  inboxOf,
  operator,
  refusal,
  startTestBridge,
  type TestBridge,
} from './given.ts'

const kasra = agent('kasra')

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge()
  await givenAgents(bridge, ['kasra', 'loom', 'river', 'athena', 'mizan'])
})
afterAll(async () => {
  await bridge.stop()
})

const page = (context: CallContext, request: { after: number; limit: number }) =>
  bridge.call(context, listInbox, { ...request, unreadOnly: false })

const acknowledge = (context: CallContext, messageId: string, requestId: string = randomUUID()) =>
  bridge.call(context, acknowledgeMessage, { requestId, messageId })

async function statusOf(messageId: string): Promise<string | undefined> {
  const seen = await bridge.call(kasra, getMessage, { messageId })
  return seen.deliveries[0]?.status
}

test('an inbox is read page by page, oldest first, without a hole', async () => {
  const ids: string[] = []
  for (let sent = 0; sent < 5; sent += 1) {
    ids.push(await givenMessage(bridge, kasra, { to: 'loom', text: `${sent}` }))
  }

  const first = await page(agent('loom'), { after: 0, limit: 2 })
  const second = await page(agent('loom'), { after: Number(first.next), limit: 2 })
  const third = await page(agent('loom'), { after: Number(second.next), limit: 2 })

  const read = [...first.messages, ...second.messages, ...third.messages]
  expect(read.map(({ messageId }) => messageId)).toEqual(ids)
  expect([first.next, second.next, third.next]).toEqual(['2', '4', undefined])
  expect(await page(agent('loom'), { after: 5, limit: 2 })).toEqual({ messages: [] })
})

test('a hundred of the largest messages are all read, in pages that fit into a reply', async () => {
  // One byte of text that is six of JSON.
  const text = '\u0001'.repeat(16_384)
  for (let sent = 0; sent < 100; sent += 1) {
    await givenMessage(bridge, kasra, { to: 'athena', text })
  }

  const first = await page(agent('athena'), { after: 0, limit: 100 })
  expect(first.messages.length).toBeLessThan(100)
  const all = await inboxOf(bridge, agent('athena'))
  expect(all.map(({ position }) => position)).toEqual(
    Array.from({ length: 100 }, (_, index) => index + 1),
  )
  expect(all.every((message) => message.text === text)).toBe(true)
})

test('a sender sees a message queued, then fetched, then acknowledged', async () => {
  const messageId = await givenMessage(bridge, kasra, { to: 'river', text: 'hello' })
  expect(await statusOf(messageId)).toBe('queued')

  await inboxOf(bridge, agent('river'))
  expect(await statusOf(messageId)).toBe('fetched')

  const { acknowledgedAt } = await acknowledge(agent('river'), messageId)
  const seen = await bridge.call(operator(), getMessage, { messageId })
  expect(seen).toMatchObject({
    messageId,
    from: 'kasra',
    deliveries: [{ to: 'river', status: 'acknowledged', acknowledgedAt }],
  })
})

test('a message that a page had no room for does not count as fetched', async () => {
  await givenAgents(bridge, ['slow'])
  const first = await givenMessage(bridge, kasra, { to: 'slow', text: 'one' })
  const second = await givenMessage(bridge, kasra, { to: 'slow', text: 'two' })

  await page(agent('slow'), { after: 0, limit: 1 })

  expect([await statusOf(first), await statusOf(second)]).toEqual(['fetched', 'queued'])
})

test('an acknowledged message is no longer unread, but stays in the inbox', async () => {
  await givenAgents(bridge, ['reader'])
  const first = await givenMessage(bridge, kasra, { to: 'reader', text: 'one' })
  await givenMessage(bridge, kasra, { to: 'reader', text: 'two' })

  const { acknowledgedAt } = await acknowledge(agent('reader'), first)

  const request = { after: 0, limit: 10, unreadOnly: true }
  const unread = await bridge.call(agent('reader'), listInbox, request)
  expect(unread.messages.map(({ text }) => text)).toEqual(['two'])
  expect(await bridge.call(kasra, getAgent, { name: 'reader' })).toMatchObject({ unread: 1 })
  expect((await inboxOf(bridge, agent('reader')))[0]).toMatchObject({ acknowledgedAt })
})

test('acknowledging twice, and eight times at once, is one act with one entry', async () => {
  const ledger = await collectIntents(bridge.nats)
  const messageId = await givenMessage(bridge, kasra, { to: 'mizan', text: 'once' })
  const later = await givenMessage(bridge, kasra, { to: 'mizan', text: 'later' })

  const replies = await Promise.all(
    Array.from({ length: 8 }, () => acknowledge(agent('mizan'), messageId)),
  )
  replies.push(await acknowledge(agent('mizan'), messageId))
  await acknowledge(agent('mizan'), later)

  expect(new Set(replies.map(({ acknowledgedAt }) => acknowledgedAt)).size).toBe(1)
  expect(await bridge.call(kasra, getAgent, { name: 'mizan' })).toMatchObject({ unread: 0 })
  const acknowledged = () => ledger.intents.filter((i) => i.action === 'message.acknowledged')
  // Intents come in order, so once the later one is there no second of the first is under way.
  await eventually(
    async () => Promise.resolve(acknowledged().some((i) => i.target === `message:${later}`)),
    { what: 'the later acknowledgement' },
  )
  await ledger.stop()
  expect(acknowledged().filter((i) => i.target === `message:${messageId}`)).toHaveLength(1)
})

test('the request id of an acknowledgement is refused for another message', async () => {
  const first = await givenMessage(bridge, kasra, { to: 'mizan', text: 'one' })
  const second = await givenMessage(bridge, kasra, { to: 'mizan', text: 'two' })
  const requestId = randomUUID()
  await acknowledge(agent('mizan'), first, requestId)

  const refused = await refusal(acknowledge(agent('mizan'), second, requestId))

  expect(refused.code).toBe('db.request-id-reused')
})

test('a message of somebody else’s inbox can be neither acknowledged nor seen', async () => {
  const messageId = await givenMessage(bridge, kasra, { to: 'river', text: 'private' })

  for (const other of ['loom', 'kasra']) {
    const refused = await refusal(acknowledge(agent(other), messageId))
    expect(refused).toMatchObject({ code: 'bridge.message-not-found', details: { messageId } })
  }
  for (const other of [agent('loom'), agent('river')]) {
    const seen = refusal(bridge.call(other, getMessage, { messageId }))
    expect(await seen).toMatchObject({ code: 'bridge.message-not-found' })
  }
  expect(await statusOf(messageId)).toBe('queued')
})

test('operators have no inbox, and neither has an unknown agent', async () => {
  const refusals = await Promise.all([
    refusal(page(operator(), { after: 0, limit: 10 })),
    refusal(acknowledge(operator(), randomUUID())),
    refusal(page(agent('ghost'), { after: 0, limit: 10 })),
    refusal(acknowledge(agent('ghost'), randomUUID())),
  ])

  expect(refusals.map(({ code }) => code)).toEqual([
    'bridge.sender-not-an-agent',
    'bridge.sender-not-an-agent',
    'bridge.agent-not-found',
    'bridge.agent-not-found',
  ])
})
