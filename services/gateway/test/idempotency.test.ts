import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { givenAgent, givenTenant, startApi, type Api, type Call } from './given.ts'

let api: Api
let tenantId: string
let ada: string
let bob: string

beforeAll(async () => {
  api = await startApi()
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
  bob = await givenAgent(api, tenantId, 'bob')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

const post = (call: Call, key: string): Call => ({
  ...call,
  method: 'POST',
  headers: { 'idempotency-key': key },
})

async function inboxSize(): Promise<number> {
  const { json } = await api.call({ path: '/v1/inbox', token: bob })
  return (json['messages'] as unknown[]).length
}

test('ten requests at once with one key make one message', async () => {
  const before = await inboxSize()
  const call = post(
    { path: '/v1/messages', token: ada, body: { to: 'bob', text: 'once' } },
    randomUUID(),
  )

  const answers = await Promise.all(Array.from({ length: 10 }, () => api.call(call)))

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
  expect(new Set(answers.map(({ json }) => json['messageId'])).size).toBe(1)
  expect(await inboxSize()).toBe(before + 1)
})

test('a key that comes again with another request is refused and sends nothing', async () => {
  const key = randomUUID()
  await api.call(
    post({ path: '/v1/messages', token: ada, body: { to: 'bob', text: 'first' } }, key),
  )
  const before = await inboxSize()

  const answer = await api.call(
    post({ path: '/v1/messages', token: ada, body: { to: 'bob', text: 'second' } }, key),
  )

  expect([answer.status, answer.code]).toEqual([422, 'gateway.idempotency-key-reused'])
  expect(await inboxSize()).toBe(before)
})

test('the same key of another agent is another request', async () => {
  const key = randomUUID()
  const mine = await api.call(
    post({ path: '/v1/messages', token: ada, body: { to: 'bob', text: 'mine' } }, key),
  )
  const theirs = await api.call(
    post({ path: '/v1/messages', token: bob, body: { to: 'ada', text: 'theirs' } }, key),
  )

  expect([mine.status, theirs.status]).toEqual([202, 202])
  expect(mine.json['messageId']).not.toBe(theirs.json['messageId'])
})

test('an agent’s key holds when its token is renewed', async () => {
  const key = randomUUID()
  const body = { to: 'bob', text: 'same' }
  const first = await api.call(post({ path: '/v1/messages', token: ada, body }, key))
  const order = { kind: 'agent', tenantId, agent: 'ada' }
  const renewed = await api.call(
    post({ path: '/v1/tokens', token: api.operator, body: order }, randomUUID()),
  )

  const again = await api.call(
    post({ path: '/v1/messages', token: String(renewed.json['secret']), body }, key),
  )

  expect(again.json).toEqual(first.json)
})

test('without a key each request is one of its own', async () => {
  const call: Call = {
    method: 'POST',
    path: '/v1/messages',
    token: ada,
    body: { to: 'bob', text: 'twice' },
  }
  const [first, second] = [await api.call(call), await api.call(call)]

  expect(first.json['messageId']).not.toBe(second.json['messageId'])
})

test('a tenant that is created again with one key is answered alike', async () => {
  const call = post(
    { path: '/v1/tenants', token: api.operator, body: { tenantId: 'once', name: 'Once' } },
    randomUUID(),
  )

  const answers = await Promise.all(Array.from({ length: 5 }, () => api.call(call)))

  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201])
})

test('a secret is shown once: of ten requests with one key, one gets it', async () => {
  const path = `/v1/tenants/${tenantId}/agents`
  const call = post({ path, token: api.operator, body: { name: 'cyd' } }, randomUUID())

  const answers = await Promise.all(Array.from({ length: 10 }, () => api.call(call)))

  const shown = answers.filter(({ status }) => status === 201)
  const refused = answers.filter(({ status }) => status === 409)
  expect([shown.length, refused.length]).toEqual([1, 9])
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['gateway.token-already-shown']))
  const token = shown[0]?.json['token'] as { tokenId: string; secret: string }
  expect(refused[0]?.json['tokenId']).toBe(token.tokenId)
  const tokens = await api.call({ path: `/v1/tokens?tenantId=${tenantId}`, token: api.operator })
  const ofCyd = (tokens.json['tokens'] as { agent: string }[]).filter(
    ({ agent }) => agent === 'cyd',
  )
  expect(ofCyd).toHaveLength(1)
})

test('one key for two tenants makes no agent in the second', async () => {
  const key = randomUUID()
  const other = await givenTenant(api)
  const create = (tenant: string) =>
    api.call(
      post(
        { path: `/v1/tenants/${tenant}/agents`, token: api.operator, body: { name: 'dan' } },
        key,
      ),
    )

  const [first, second] = [await create(tenantId), await create(other)]

  expect([first.status, second.status, second.code]).toEqual([
    201,
    422,
    'gateway.idempotency-key-reused',
  ])
  const agents = await api.call({ path: `/v1/tenants/${other}/agents`, token: api.operator })
  expect(agents.json['agents']).toEqual([])
})

test('a key that was used for a tenant makes no agent', async () => {
  const key = randomUUID()
  const tenant = { tenantId: 'keyed', name: 'Keyed' }
  await api.call(post({ path: '/v1/tenants', token: api.operator, body: tenant }, key))

  const refused = await api.call(
    post({ path: '/v1/tenants/keyed/agents', token: api.operator, body: { name: 'ghost' } }, key),
  )

  expect([refused.status, refused.code]).toEqual([422, 'gateway.idempotency-key-reused'])
  const agents = await api.call({ path: '/v1/tenants/keyed/agents', token: api.operator })
  expect(agents.json['agents']).toEqual([])
})

test('a key that was used for a dead letter makes no tenant', async () => {
  const key = randomUUID()
  const path = `/v1/dead-letters/${randomUUID()}/replay`
  const headers = { 'idempotency-key': key }
  const replay = { method: 'POST' as const, path, token: api.operator, headers }
  expect((await api.call(replay)).status).toBe(404)

  const made = await api.call(
    post(
      { path: '/v1/tenants', token: api.operator, body: { tenantId: 'after-replay', name: 'x' } },
      key,
    ),
  )

  expect([made.status, made.code]).toEqual([422, 'gateway.idempotency-key-reused'])
})

test('an agent whose making broke off is made by the same request again, once', async () => {
  const call = post(
    { path: `/v1/tenants/${tenantId}/agents`, token: api.operator, body: { name: 'fay' } },
    randomUUID(),
  )
  await api.suite.kill('bridge')
  expect((await api.call(call)).status).toBe(503)
  await api.suite.restart('bridge')

  const made = await eventually(
    async () => {
      const answer = await api.call(call)
      return answer.status !== 503 && answer
    },
    { what: 'the bridge to register' },
  )

  expect(made.status).toBe(201)
  expect((await api.call(call)).code).toBe('gateway.token-already-shown')
}, 60_000)
