import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '@mumega/config/clock'
import { askAgent } from '@mumega/contracts/asks'
import { broadcastMessage, getAgent, sendMessage } from '@mumega/contracts/bridge'
import { acknowledgeMessage } from '@mumega/contracts/deliveries'
import { eventually } from '@mumega/testkit'
import { handleAskAgent } from '../src/messages/ask-agent.ts'
import { handleListInbox } from '../src/messages/list-inbox.ts'
import { handleSendMessage } from '../src/messages/send-message.ts'
import { openWaitingAsks } from '../src/messages/waiting-asks.ts'
import {
  agent,
  givenAgents,
  givenMessage,
  inboxOf,
  inconsistentInboxes,
  PRESENCE,
  startTestBridge,
  type TestBridge,
} from './given.ts'

const SENDERS = ['s-0', 's-1', 's-2', 's-3', 's-4', 's-5']
const kasra = agent('kasra')
const loom = agent('loom')

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge()
  await bridge.startAnother()
  await givenAgents(bridge, ['kasra', 'loom', 'river', 'crowded', ...SENDERS])
})
afterAll(async () => {
  await bridge.stop()
})

/** A third instance without a bus of its own: what it accepts, the others' relay publishes. */
const elsewhere = () => ({
  db: bridge.db,
  clock: systemClock,
  presence: PRESENCE,
  inboxUnreadMax: 100,
})

test('senders that race to one inbox leave no hole and keep their own order', async () => {
  const perSender = 20
  await Promise.all(
    SENDERS.map(async (name) => {
      for (let sent = 0; sent < perSender; sent += 1) {
        await givenMessage(bridge, agent(name), { to: 'crowded', text: `${name} ${sent}` })
      }
    }),
  )

  const inbox = await inboxOf(bridge, agent('crowded'))
  expect(inbox.map(({ position }) => position)).toEqual(
    Array.from({ length: SENDERS.length * perSender }, (_, index) => index + 1),
  )
  for (const name of SENDERS) {
    const texts = inbox.filter(({ from }) => from === name).map(({ text }) => text)
    expect(texts).toEqual(Array.from({ length: perSender }, (_, sent) => `${name} ${sent}`))
  }
})

test('a reader who follows its cursor while senders race misses nothing', async () => {
  const total = 90
  let isSending = true
  const sending = Promise.all(
    SENDERS.map(async (name) => {
      for (let sent = 0; sent < total / SENDERS.length; sent += 1) {
        await givenMessage(bridge, agent(name), { to: 'river', text: `${name} ${sent}` })
      }
    }),
  ).finally(() => {
    isSending = false
  })

  const read: number[] = []
  let wasSending = true
  while (wasSending) {
    // The last round begins after the last message was accepted.
    wasSending = isSending
    const request = { after: read.at(-1) ?? 0, limit: 100, unreadOnly: false }
    const page = await handleListInbox(elsewhere(), agent('river'), request)
    read.push(...page.messages.map(({ position }) => position))
  }
  await sending

  expect(read).toEqual(Array.from({ length: total }, (_, index) => index + 1))
})

test('messages and acknowledgements that race in one inbox are both counted right', async () => {
  const from = agent('s-0')
  const context = agent('s-1')
  const settled = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const messageId = await givenMessage(bridge, from, { to: 's-1', text: `${index}` })
      if (index % 2 === 0) return 0
      const request = { requestId: randomUUID(), messageId }
      await bridge.call(context, acknowledgeMessage, request)
      return 1
    }),
  )

  const acknowledged = settled.filter((one) => one === 1).length
  expect(await bridge.call(kasra, getAgent, { name: 's-1' })).toMatchObject({
    unread: 40 - acknowledged,
  })
  expect(await inconsistentInboxes(bridge)).toEqual([])
})

test('one request that both instances get at once is made once', async () => {
  const send = { requestId: randomUUID(), to: 'loom', text: 'both at once' }
  const replies = await Promise.all(
    Array.from({ length: 16 }, () => bridge.call(kasra, sendMessage, send)),
  )
  const [first] = replies
  if (first === undefined) throw new Error('nothing was accepted')
  const { messageId } = first

  const broadcast = { requestId: randomUUID(), text: 'to all at once' }
  await Promise.all(
    Array.from({ length: 16 }, () => bridge.call(kasra, broadcastMessage, broadcast)),
  )
  await Promise.all(
    Array.from({ length: 16 }, () =>
      bridge.call(loom, acknowledgeMessage, { requestId: randomUUID(), messageId }),
    ),
  )

  expect(replies.every((reply) => reply.messageId === messageId)).toBe(true)
  const texts = (await inboxOf(bridge, loom)).map(({ text }) => text)
  expect(texts).toEqual(['both at once', 'to all at once'])
  expect(await bridge.call(kasra, getAgent, { name: 'loom' })).toMatchObject({ unread: 1 })
})

test('an ask is answered through whichever instance the answer comes', async () => {
  for (let round = 0; round < 8; round += 1) {
    const text = `round ${round}?`
    const request = { requestId: randomUUID(), to: 'loom', text, timeoutSeconds: 10 }
    const asking = bridge.call(kasra, askAgent, request)
    const question = await eventually(
      async () => (await inboxOf(bridge, loom)).find((message) => message.text === text),
      { what: text },
    )
    const replyTo = question.messageId
    await givenMessage(bridge, loom, { to: 'kasra', text: `answer ${round}`, replyTo })

    expect((await asking).answer?.text).toBe(`answer ${round}`)
  }
})

test('an ask is answered by a process that has no bus at all', async () => {
  const request = { requestId: randomUUID(), to: 'loom', text: 'elsewhere?', timeoutSeconds: 20 }
  const startedMs = performance.now()
  const asking = bridge.call(kasra, askAgent, request)
  const question = await eventually(
    async () => (await inboxOf(bridge, loom)).find((message) => message.text === 'elsewhere?'),
    { what: 'the question' },
  )
  const answer = { requestId: randomUUID(), to: 'kasra', text: 'yes', replyTo: question.messageId }
  await handleSendMessage(elsewhere(), loom, answer)

  expect((await asking).answer?.text).toBe('yes')
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})

test('an ask whose wake was lost still finds the answer at its deadline', async () => {
  // These asks hear nothing: no bus is connected to them.
  const deaf = {
    asks: openWaitingAsks({ all: 1, perTenant: 1, perAgent: 1 }),
    callDeadline: new Date(Date.now() + 60_000),
  }
  const request = { requestId: randomUUID(), to: 'loom', text: 'deaf?', timeoutSeconds: 2 }
  const asking = handleAskAgent(elsewhere(), { context: kasra, request }, deaf)
  const question = await eventually(
    async () => (await inboxOf(bridge, loom)).find((message) => message.text === 'deaf?'),
    { what: 'the question' },
  )
  await givenMessage(bridge, loom, { to: 'kasra', text: 'said', replyTo: question.messageId })

  expect((await asking).answer?.text).toBe('said')
})

test('an ask that waits in an instance which stops goes on in another', async () => {
  const leaving = await bridge.startAnother()
  const request = { to: 'loom', text: 'still there?', timeoutSeconds: 30 }
  const asks = Array.from({ length: 9 }, () => ({ ...request, requestId: randomUUID() }))
  const asked = asks.map(async (ask) => {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        return (await bridge.call(kasra, askAgent, ask)).answer?.text
      } catch (error) {
        expect(error).toMatchObject({ code: 'bridge.ask-interrupted', kind: 'unavailable' })
      }
    }
    return undefined
  })
  const questions = await eventually(
    async () => {
      const found = (await inboxOf(bridge, loom)).filter(({ text }) => text === 'still there?')
      return found.length === asks.length ? found : undefined
    },
    { what: 'the questions' },
  )

  const startedMs = performance.now()
  await leaving.stop()
  expect(performance.now() - startedMs).toBeLessThan(5_000)

  for (const { messageId: replyTo } of questions) {
    await givenMessage(bridge, loom, { to: 'kasra', text: 'yes', replyTo })
  }
  expect(await Promise.all(asked)).toEqual(asks.map(() => 'yes'))
})
