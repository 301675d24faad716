import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { askAgent } from '@mumega/contracts/asks'
import { broadcastMessage, sendMessage } from '@mumega/contracts/bridge'
import { eventually } from '@mumega/testkit'
import {
  agent,
  collectIntents,
  givenAgents,
  givenMessage,
  inboxOf,
  refusal,
  startTestBridge,
  type TestBridge,
} from './given.ts'
import { allow, ALLOW_ALL, deny, DENY_ALL, givenPolicy } from './given-send-policy.ts'

const TEAM = ['lead', 'other-lead', 'worker-1', 'worker-2', 'worker-22']

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge({ BRIDGE_ASKS_WAITING_PER_AGENT_MAX: '1' })
  await givenAgents(bridge, TEAM)
  await givenAgents(bridge, ['lead', 'worker-1', 'outsider'], 'globex')
})
beforeEach(async () => {
  await givenPolicy(bridge, ALLOW_ALL)
})
afterAll(async () => {
  await bridge.stop()
})

const send = (from: string, to: string, more: { replyTo?: string } = {}) =>
  givenMessage(bridge, agent(from), { to, text: 'hello', ...more })
const ask = (from: string, to: string, text = 'how many?') => {
  const question = { requestId: randomUUID(), to, text, timeoutSeconds: 20 }
  return bridge.call(agent(from), askAgent, question)
}
const broadcast = (from: string, more: { replyTo?: string } = {}) => {
  const announcement = { requestId: randomUUID(), text: 'stand-up', ...more }
  return bridge.call(agent(from), broadcastMessage, announcement)
}

/** Which of the team this message reached. */
async function reached(messageId: string): Promise<string[]> {
  const inboxes = await Promise.all(TEAM.map((name) => inboxOf(bridge, agent(name))))
  return TEAM.filter((_, nth) => inboxes[nth]?.some((each) => each.messageId === messageId))
}

/** What stays of a message that was refused: nothing, but for what the relay publishes anyway. */
async function stored(): Promise<number[]> {
  const found = await bridge.admin.raw<{ rows: { counts: number[] }[] }>(
    `select array[(select count(*)::int from messages), (select count(*)::int from deliveries),
                  (select sum(last_position)::int from inboxes),
                  (select count(*)::int from processed_requests)] as counts`,
  )
  return found.rows[0]?.counts ?? []
}

test('the first rule that matches says whether a message is accepted, and a refused one leaves nothing', async () => {
  await givenPolicy(bridge, {
    default: 'deny',
    rules: [
      deny('worker-22', '*'),
      allow('worker-*', 'lead'),
      allow('lead', '*'),
      deny('lead', '*'),
    ],
  })
  await send('worker-1', 'lead')
  await send('lead', 'worker-22')

  const before = await stored()
  for (const [from, to] of [
    ['worker-1', 'worker-2'],
    ['worker-22', 'lead'],
    ['worker-1', 'other-lead'],
    ['other-lead', 'worker-1'],
    ['worker-1', 'worker-1'],
  ] as const) {
    expect(await refusal(send(from, to))).toEqual({
      code: 'bridge.send-not-allowed',
      kind: 'forbidden',
      details: { from, to, kind: 'send' },
    })
  }
  expect(await stored()).toEqual(before)
})

test('a refusal says from whom, to whom and what to do', async () => {
  await givenPolicy(bridge, DENY_ALL)
  await expect(send('worker-1', 'lead')).rejects.toThrow(
    /from "worker-1" to "lead".*Nothing was sent\..*operator/,
  )
})

test('a message that was refused may be sent by the same request once it is allowed', async () => {
  await givenPolicy(bridge, DENY_ALL)
  const request = { requestId: randomUUID(), to: 'lead', text: 'at last' }
  const again = () => bridge.call(agent('worker-1'), sendMessage, request)
  expect(await refusal(again())).toMatchObject({ code: 'bridge.send-not-allowed' })

  await givenPolicy(bridge, ALLOW_ALL)
  const { messageId } = await again()
  await givenPolicy(bridge, DENY_ALL)

  // It was accepted: its repetition is answered alike, whatever holds now.
  expect(await again()).toEqual({ messageId, status: 'queued' })
  expect(await reached(messageId)).toEqual(['lead'])
})

test('a rule holds for its kinds of messages only', async () => {
  await givenPolicy(bridge, {
    default: 'allow',
    rules: [deny('*', '*', { kinds: ['ask', 'broadcast'] })],
  })

  await send('worker-1', 'lead')
  expect(await refusal(ask('worker-1', 'lead'))).toMatchObject({
    code: 'bridge.send-not-allowed',
    details: { from: 'worker-1', to: 'lead', kind: 'ask' },
  })
  expect(await broadcast('worker-1')).toMatchObject({ recipients: 0 })
})

test('who is unknown or of another tenant is not found, whatever the policy says', async () => {
  const refusals = async () => [
    await refusal(send('lead', 'nobody')),
    await refusal(send('lead', 'outsider')),
    await refusal(ask('lead', 'outsider')),
    await refusal(send('nobody', 'lead')),
    await refusal(broadcast('nobody')),
  ]
  const before = await refusals()
  await givenPolicy(bridge, DENY_ALL)

  expect(await refusals()).toEqual(before)
  expect(new Set(before.map(({ code }) => code))).toEqual(new Set(['bridge.agent-not-found']))
})

test('a policy holds in its own tenant only', async () => {
  await givenPolicy(bridge, DENY_ALL)
  const worker = agent('worker-1', 'globex')
  await givenMessage(bridge, worker, { to: 'lead', text: 'in globex' })

  await givenPolicy(bridge, ALLOW_ALL)
  await givenPolicy(bridge, DENY_ALL, 'globex')
  await send('worker-1', 'lead')
  const refused = await refusal(givenMessage(bridge, worker, { to: 'lead', text: 'again' }))
  expect(refused).toMatchObject({ code: 'bridge.send-not-allowed' })
})

test('a broadcast reaches whom it may, and its reply and the ledger count them', async () => {
  await givenPolicy(bridge, {
    default: 'deny',
    rules: [deny('*', 'worker-2'), allow('lead', 'worker-*', { kinds: ['broadcast'] })],
  })
  const ledger = await collectIntents(bridge.nats)

  const accepted = await broadcast('lead')

  expect(accepted).toMatchObject({ recipients: 2 })
  expect(await reached(accepted.messageId)).toEqual(['worker-1', 'worker-22'])
  const intent = await eventually(
    async () => Promise.resolve(ledger.intents.find(({ id }) => id === accepted.messageId)),
    { what: 'the intent' },
  )
  await ledger.stop()
  expect(intent.payload).toMatchObject({ recipients: 2 })
  const nobody = await broadcast('worker-1')
  expect(nobody).toMatchObject({ status: 'queued', recipients: 0 })
  expect(await reached(nobody.messageId)).toEqual([])
})

test('an ask that is refused takes no place of those that may wait', async () => {
  await givenPolicy(bridge, { default: 'deny', rules: [allow('worker-1', 'lead')] })
  // One may wait at a time.
  for (let asked = 0; asked < 4; asked += 1) {
    const refused = await refusal(ask('worker-1', 'worker-2'))
    expect(refused).toMatchObject({ code: 'bridge.send-not-allowed', details: { kind: 'ask' } })
  }

  const asking = ask('worker-1', 'lead', 'the real one?')
  const question = await eventually(
    async () => (await inboxOf(bridge, agent('lead'))).find((m) => m.text === 'the real one?'),
    { what: 'the question' },
  )
  const answerId = await send('lead', 'worker-1', { replyTo: question.messageId })
  expect((await asking).answer).toMatchObject({ messageId: answerId, from: 'lead' })
})

test('an answer to whoever asked is always allowed, and nothing else with its id', async () => {
  const received = await send('worker-1', 'lead')
  const heard = await broadcast('other-lead')
  await givenPolicy(bridge, DENY_ALL)

  const answered = await send('lead', 'worker-1', { replyTo: received })
  const thanks = await send('worker-1', 'lead', { replyTo: answered })
  const echo = await send('lead', 'other-lead', { replyTo: heard.messageId })

  expect(await reached(answered)).toEqual(['worker-1'])
  expect(await reached(thanks)).toEqual(['lead'])
  expect(await reached(echo)).toEqual(['other-lead'])
  const refused = { code: 'bridge.send-not-allowed' }
  // To another than who asked; and after a message of one's own, which was not answered.
  expect(await refusal(send('lead', 'worker-2', { replyTo: received }))).toMatchObject(refused)
  expect(await refusal(send('worker-1', 'lead', { replyTo: received }))).toMatchObject(refused)
  // To oneself neither, by a message of one's own.
  expect(await refusal(send('lead', 'lead', { replyTo: answered }))).toMatchObject(refused)
  const toAll = await broadcast('lead', { replyTo: received })
  expect(await reached(toAll.messageId)).toEqual(['worker-1'])
  expect(toAll.recipients).toBe(1)
})

test('what the sender cannot see is no question, whatever the policy says', async () => {
  const received = await send('worker-1', 'lead')
  await givenPolicy(bridge, DENY_ALL)

  expect(await refusal(send('worker-2', 'worker-1', { replyTo: received }))).toMatchObject({
    code: 'bridge.message-not-found',
  })
})
