import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { askAgent } from '@mumega/contracts/asks'
import { getMessage } from '@mumega/contracts/deliveries'
import { eventually } from '@mumega/testkit'
import {
  agent,
  givenAgents,
  givenMessage,
  inboxOf,
  operator,
  refusal,
  startTestBridge,
  type TestBridge,
} from './given.ts'

const kasra = agent('kasra')
const loom = agent('loom')

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge({
    BRIDGE_ASKS_WAITING_MAX: '4',
    BRIDGE_ASKS_WAITING_PER_TENANT_MAX: '3',
    BRIDGE_ASKS_WAITING_PER_AGENT_MAX: '2',
  })
  await givenAgents(bridge, ['kasra', 'loom', 'river'])
  await givenAgents(bridge, ['a', 'b', 'c'], 'globex')
  await givenAgents(bridge, ['a', 'b'], 'initech')
})
afterAll(async () => {
  await bridge.stop()
})

const question = (timeoutSeconds = 10) => ({
  requestId: randomUUID(),
  to: 'loom',
  text: 'how many?',
  timeoutSeconds,
})

/** The question with this text, once it is in the inbox. */
async function asked(text: string): Promise<string> {
  const found = await eventually(
    async () => (await inboxOf(bridge, loom)).find((message) => message.text === text),
    { what: `the question ${text}` },
  )
  return found.messageId
}

test('an ask is answered by the first message that names it', async () => {
  const request = { ...question(), text: 'first?', correlationId: 'c-1' }
  const asking = bridge.call(kasra, askAgent, request)
  const replyTo = await asked('first?')
  const answerId = await givenMessage(bridge, loom, { to: 'kasra', text: 'seven', replyTo })
  await givenMessage(bridge, loom, { to: 'kasra', text: 'no, eight', replyTo })

  expect(await asking).toEqual({
    messageId: replyTo,
    answer: { messageId: answerId, from: 'loom', text: 'seven' },
  })
  const seen = await bridge.call(loom, getMessage, { messageId: answerId })
  expect(seen.deliveries).toMatchObject([{ to: 'kasra', status: 'fetched' }])
  const inbox = await inboxOf(bridge, loom)
  expect(inbox.find((message) => message.messageId === replyTo)).toMatchObject({
    kind: 'ask',
    correlationId: 'c-1',
  })
})

test('an ask ends at its deadline; the late answer is an ordinary message', async () => {
  const startedMs = performance.now()
  const { messageId, answer } = await bridge.call(kasra, askAgent, {
    ...question(1),
    text: 'late?',
  })

  expect(answer).toBeUndefined()
  expect(performance.now() - startedMs).toBeGreaterThan(990)
  await givenMessage(bridge, loom, { to: 'kasra', text: 'sorry', replyTo: messageId })
  expect((await inboxOf(bridge, kasra)).at(-1)).toMatchObject({ text: 'sorry', replyTo: messageId })
})

test('only the asked agent’s answer to the asker counts', async () => {
  const asking = bridge.call(kasra, askAgent, { ...question(), text: 'who?' })
  const replyTo = await asked('who?')
  // The asker itself and the asked agent may name the question; nobody else can even see it.
  await givenMessage(bridge, kasra, { to: 'kasra', text: 'I answer myself', replyTo })
  await givenMessage(bridge, loom, { to: 'river', text: 'look at this', replyTo })
  const byRiver = givenMessage(bridge, agent('river'), { to: 'kasra', text: 'me', replyTo })
  expect(await refusal(byRiver)).toMatchObject({ code: 'bridge.message-not-found' })

  const messageId = await givenMessage(bridge, loom, { to: 'kasra', text: 'I do', replyTo })

  expect((await asking).answer).toEqual({ messageId, from: 'loom', text: 'I do' })
})

test('the same ask again does not ask again: it gets the same answer', async () => {
  const request = { ...question(30), text: 'twice?' }
  const asking = [1, 2].map(() => bridge.call(kasra, askAgent, request))
  const replyTo = await asked('twice?')
  await givenMessage(bridge, loom, { to: 'kasra', text: 'once', replyTo })

  const [first, second] = await Promise.all(asking)
  expect(second).toEqual(first)
  const startedMs = performance.now()
  expect(await bridge.call(kasra, askAgent, request)).toEqual(first)
  // The answer is there before anybody waits, so nobody waits for the deadline.
  expect(performance.now() - startedMs).toBeLessThan(15_000)
  const questions = (await inboxOf(bridge, loom)).filter(({ text }) => text === 'twice?')
  expect(questions).toHaveLength(1)
})

test('an ask that was not answered in time gives a late answer when it is repeated', async () => {
  const request = { ...question(1), text: 'again?' }
  const { messageId } = await bridge.call(kasra, askAgent, request)
  await givenMessage(bridge, loom, { to: 'kasra', text: 'now', replyTo: messageId })

  expect((await bridge.call(kasra, askAgent, request)).answer).toMatchObject({ text: 'now' })
})

test('asks over the bound are refused unsent: an agent’s, then its tenant’s, then all', async () => {
  const ask = (tenantId: string, text: string, asker = 'a') =>
    bridge.call(agent(asker, tenantId), askAgent, { ...question(60), to: 'b', text })
  const questions = (tenantId: string, count: number) =>
    eventually(
      async () => {
        const inbox = await inboxOf(bridge, agent('b', tenantId))
        return inbox.length === count && inbox
      },
      { what: `${count} questions` },
    )
  const waiting = ['one', 'two'].map((text) => ask('globex', text))
  await questions('globex', 2)

  expect(await refusal(ask('globex', 'one too many of an agent'))).toMatchObject({
    code: 'bridge.too-many-asks',
    kind: 'limited',
    details: { limit: 2 },
  })
  waiting.push(ask('globex', 'three', 'c'))
  const asked = await questions('globex', 3)
  expect(await refusal(ask('globex', 'one too many of a tenant', 'c'))).toMatchObject({
    code: 'bridge.too-many-asks',
    kind: 'limited',
    details: { limit: 3 },
  })
  waiting.push(ask('initech', 'four'))
  const [fourth] = await questions('initech', 1)
  expect(await refusal(ask('initech', 'one too many of all'))).toMatchObject({
    code: 'bridge.asks-full',
    kind: 'unavailable',
    details: { limit: 4 },
  })

  for (const { messageId: replyTo, from: to } of asked) {
    await givenMessage(bridge, agent('b', 'globex'), { to, text: 'yes', replyTo })
  }
  const replyTo = fourth?.messageId ?? ''
  await givenMessage(bridge, agent('b', 'initech'), { to: 'a', text: 'yes', replyTo })
  await Promise.all(waiting)
  await questions('globex', 3)
  const again = ask('globex', 'room again')
  const last = (await questions('globex', 4)).at(-1)?.messageId ?? ''
  await givenMessage(bridge, agent('b', 'globex'), { to: 'a', text: 'yes', replyTo: last })
  expect((await again).answer?.text).toBe('yes')
})

test('a caller that listens for a shorter time hears how to resume, and can', async () => {
  const request = { ...question(60), text: 'patience?' }
  const impatient = { context: kasra, timeoutMs: 3_000 }

  const refused = await refusal(bridge.gateway.request(askAgent, request, impatient))
  expect(refused).toMatchObject({ code: 'bridge.ask-interrupted', kind: 'unavailable' })

  const replyTo = await asked('patience?')
  expect(refused.details).toEqual({ messageId: replyTo })
  await givenMessage(bridge, loom, { to: 'kasra', text: 'here', replyTo })
  expect((await bridge.call(kasra, askAgent, request)).answer).toMatchObject({ text: 'here' })
})

test('an ask is refused as a message is: unknown addressee, no agent', async () => {
  const toNobody = await refusal(bridge.call(kasra, askAgent, { ...question(), to: 'athean' }))
  const byOperator = await refusal(bridge.call(operator(), askAgent, question()))

  expect(toNobody).toMatchObject({ code: 'bridge.agent-not-found' })
  expect(byOperator).toMatchObject({ code: 'bridge.sender-not-an-agent' })
})
