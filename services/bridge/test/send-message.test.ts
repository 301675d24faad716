import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { sendMessage } from '@mumega/contracts/bridge'
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
  bridge = await startTestBridge({ BRIDGE_INBOX_UNREAD_MAX: '20' })
  await givenAgents(bridge, ['kasra', 'loom', 'river', 'athena', 'mizan', 'calliope'])
})
afterAll(async () => {
  await bridge.stop()
})

test('an accepted message is in the inbox, unchanged, under the sender’s id of it', async () => {
  const text = 'naïve café ☕ 漢字 🧵\r\n\ttabs and "quotes" \\ and \u0001'
  const fields = {
    to: 'loom',
    text,
    contentType: 'text/markdown' as const,
    correlationId: 'task 7',
  }
  const accepted = await bridge.call(kasra, sendMessage, { requestId: randomUUID(), ...fields })

  expect(accepted).toEqual({ messageId: accepted.messageId, status: 'queued' })
  const message = (await inboxOf(bridge, agent('loom'))).at(-1)
  expect(message).toEqual({
    position: 1,
    messageId: accepted.messageId,
    from: 'kasra',
    kind: 'send',
    text,
    contentType: 'text/markdown',
    correlationId: 'task 7',
    sentAt: message?.sentAt,
  })
})

test('an accepted message goes to the ledger under its own id, without its text', async () => {
  const ledger = await collectIntents(bridge.nats)
  const messageId = await givenMessage(bridge, kasra, { to: 'loom', text: 'secret words' })

  const intent = await eventually(
    async () => Promise.resolve(ledger.intents.find(({ id }) => id === messageId)),
    { what: 'the intent' },
  )
  await ledger.stop()
  expect(intent).toMatchObject({
    chain: 'acme',
    actor: kasra.actor,
    action: 'message.accepted',
    target: `message:${messageId}`,
    phase: 'fact',
    payload: { from: 'kasra', to: 'loom', kind: 'send', textBytes: 12 },
  })
  expect(JSON.stringify(intent)).not.toContain('secret words')
})

describe('nothing is accepted and nothing is stored', () => {
  const counts = async () => {
    const found = await bridge.admin.raw<{ rows: object[] }>(
      `select (select count(*) from messages) as messages,
              (select count(*) from deliveries) as deliveries,
              (select sum(last_position) from inboxes) as positions`,
    )
    return found.rows[0]
  }

  test.each([
    ['for a mistyped addressee', kasra, { to: 'athean' }, 'bridge.agent-not-found'],
    ['from an operator', operator(), { to: 'loom' }, 'bridge.sender-not-an-agent'],
    ['from an agent without an inbox', agent('ghost'), { to: 'loom' }, 'bridge.agent-not-found'],
    [
      'in answer to a message that does not exist',
      kasra,
      { to: 'loom', replyTo: randomUUID() },
      'bridge.message-not-found',
    ],
    ['with an empty text', kasra, { to: 'loom', text: '' }, 'bus.invalid-request'],
  ])('%s', async (...[, from, fields, code]) => {
    const before = await counts()
    const request = { requestId: randomUUID(), text: 'hello', ...fields }

    expect(await refusal(bridge.call(from, sendMessage, request))).toMatchObject({ code })
    expect(await counts()).toEqual(before)
  })
})

test('an agent that claims to be a service or a malformed name is no sender', async () => {
  const request = { requestId: randomUUID(), to: 'loom', text: 'hello' }
  const forged = [
    { tenantId: 'acme', actor: { id: 'agent:kasra', kind: 'service' as const } },
    { tenantId: 'acme', actor: { id: 'service:kasra', kind: 'agent' as const } },
    { tenantId: 'acme', actor: { id: "agent:kasra' or true", kind: 'agent' as const } },
  ]
  for (const context of forged) {
    const refused = await refusal(bridge.call(context, sendMessage, request))
    expect(refused.code).toBe('bridge.sender-not-an-agent')
  }
})

test('an answer to somebody else’s message is refused as to none', async () => {
  const messageId = await givenMessage(bridge, kasra, { to: 'loom', text: 'between us' })
  const request = { requestId: randomUUID(), to: 'kasra', text: 'I heard', replyTo: messageId }

  const refused = await refusal(bridge.call(agent('river'), sendMessage, request))

  expect(refused).toMatchObject({ code: 'bridge.message-not-found', details: { messageId } })
})

test('the same request twice is one message and one answer', async () => {
  const request = { requestId: randomUUID(), to: 'river', text: 'only once' }
  const first = await bridge.call(kasra, sendMessage, request)
  const second = await bridge.call(kasra, sendMessage, request)

  expect(second).toEqual(first)
  const texts = (await inboxOf(bridge, agent('river'))).map(({ text }) => text)
  expect(texts.filter((text) => text === 'only once')).toHaveLength(1)
})

test('eight of the same request at once are one message and eight equal answers', async () => {
  const request = { requestId: randomUUID(), to: 'athena', text: 'all at once' }
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => bridge.call(kasra, sendMessage, request)),
  )

  expect(new Set(replies.map(({ messageId }) => messageId)).size).toBe(1)
  expect(await inboxOf(bridge, agent('athena'))).toHaveLength(1)
})

test('a request id is refused with other content, another sender or another tenant', async () => {
  await givenAgents(bridge, ['kasra', 'loom'], 'globex')
  const request = { requestId: randomUUID(), to: 'loom', text: 'first' }
  await bridge.call(kasra, sendMessage, request)

  const refusals = await Promise.all([
    refusal(bridge.call(kasra, sendMessage, { ...request, text: 'second' })),
    refusal(bridge.call(kasra, sendMessage, { ...request, to: 'river' })),
    refusal(bridge.call(agent('river'), sendMessage, request)),
    refusal(bridge.call(agent('kasra', 'globex'), sendMessage, request)),
  ])
  for (const refused of refusals) {
    expect(refused).toMatchObject({ code: 'db.request-id-reused' })
  }
  expect(await inboxOf(bridge, agent('loom', 'globex'))).toHaveLength(0)
})

test('a refused request may be made again under its id once its cause is mended', async () => {
  const request = { requestId: randomUUID(), to: 'newcomer', text: 'welcome' }
  expect(await refusal(bridge.call(kasra, sendMessage, request))).toMatchObject({
    code: 'bridge.agent-not-found',
    details: { agent: 'newcomer' },
  })
  await givenAgents(bridge, ['newcomer'])

  await bridge.call(kasra, sendMessage, request)

  expect(await inboxOf(bridge, agent('newcomer'))).toHaveLength(1)
})

test('a full inbox refuses by name, also when eight race for the last place', async () => {
  for (let sent = 0; sent < 19; sent += 1) {
    await givenMessage(bridge, kasra, { to: 'mizan', text: `${sent}` })
  }
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => givenMessage(bridge, kasra, { to: 'mizan', text: 'last' })),
  )

  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await refusal(givenMessage(bridge, kasra, { to: 'mizan', text: 'more' }))).toMatchObject({
    code: 'bridge.inbox-full',
    details: { agent: 'mizan', limitUnread: 20 },
  })
  expect((await inboxOf(bridge, agent('mizan'))).map(({ position }) => position)).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})

test('an agent may send to itself', async () => {
  const messageId = await givenMessage(bridge, agent('calliope'), { to: 'calliope', text: 'note' })

  expect(await inboxOf(bridge, agent('calliope'))).toMatchObject([{ messageId, from: 'calliope' }])
})
