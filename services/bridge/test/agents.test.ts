import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { getAgent, listAgents, registerAgent } from '@mumega/contracts/bridge'
import { eventually } from '@mumega/testkit'
import {
  agent,
  collectIntents,
  givenAgents,
  operator,
  refusal,
  startTestBridge,
  type TestBridge,
} from './given.ts'

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge()
})
afterAll(async () => {
  await bridge.stop()
})

const register = (name: string, requestId: string = randomUUID()) =>
  bridge.call(operator(), registerAgent, { requestId, name })

test('a registered agent exists with an empty inbox and was never seen', async () => {
  const { agent: registered, created } = await register('kasra')

  expect(created).toBe(true)
  expect(registered).toEqual({
    tenantId: 'acme',
    name: 'kasra',
    registeredAt: registered.registeredAt,
    presence: 'dormant',
    openRuns: 0,
    unread: 0,
  })
  expect(await bridge.call(agent('kasra'), getAgent, { name: 'kasra' })).toEqual(registered)
})

test('registering a name again answers with the agent that is there', async () => {
  const first = await register('loom')
  const again = await register('loom')

  expect(again).toEqual({ agent: first.agent, created: false })
})

test('eight registrations of one name at once make one agent and one entry', async () => {
  const ledger = await collectIntents(bridge.nats)
  const replies = await Promise.all(Array.from({ length: 8 }, () => register('river')))
  await register('after-river')

  expect(replies.filter(({ created }) => created)).toHaveLength(1)
  const registered = (name: string) =>
    ledger.intents.filter(
      ({ action, target }) => action === 'agent.registered' && target === `agent:${name}`,
    )
  await eventually(async () => Promise.resolve(registered('after-river').length > 0), {
    what: 'the last registration',
  })
  await ledger.stop()
  expect(registered('river')).toHaveLength(1)
})

test('a registration’s id gives the first answer again, and no other name', async () => {
  const requestId = randomUUID()
  const first = await register('athena', requestId)

  expect(await register('athena', requestId)).toEqual(first)
  expect(await refusal(register('mizan', requestId))).toMatchObject({
    code: 'db.request-id-reused',
  })
})

test('agents are listed by name, page by page', async () => {
  await givenAgents(bridge, ['b', 'a-1', 'a', 'z', 'ab'], 'paged')
  const context = operator('paged')

  const first = await bridge.call(context, listAgents, { limit: 2 })
  const second = await bridge.call(context, listAgents, { limit: 2, after: 'a-1' })
  const third = await bridge.call(context, listAgents, { limit: 2, after: 'b' })

  const names = [first, second, third].map(({ agents }) => agents.map(({ name }) => name))
  expect(names).toEqual([['a', 'a-1'], ['ab', 'b'], ['z']])
  expect([first.next, second.next, third.next]).toEqual(['a-1', 'b', undefined])
})

test('an agent that nobody registered is not found', async () => {
  const refused = await refusal(bridge.call(operator(), getAgent, { name: 'athean' }))

  expect(refused).toEqual({
    code: 'bridge.agent-not-found',
    kind: 'not-found',
    details: { agent: 'athean' },
  })
})

test.each(['Kasra', 'kasra ', '1kasra', 'kas_ra', 'k'.repeat(64), 'kasra\n', 'кasra', ''])(
  'a malformed name is refused: %j',
  async (name) => {
    expect(await refusal(register(name))).toMatchObject({ code: 'bus.invalid-request' })
  },
)
