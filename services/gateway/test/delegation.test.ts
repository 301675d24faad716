import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { AGENT_SCOPES } from '@mumega/contracts/gateway'
import { eventually } from '@mumega/testkit'
import { delegate, givenChild, listed, revokeBy, stateOf, type GivenToken } from './delegating.ts'
import {
  givenAgent,
  givenAgentToken,
  givenTenant,
  openRows,
  startApi,
  type Api,
  type Rows,
} from './given.ts'

const READING = ['messages:read', 'agents:read']

let api: Api
let rows: Rows
let tenantId: string
let ada: string

beforeAll(async () => {
  api = await startApi()
  rows = openRows(api)
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
}, 120_000)

afterAll(async () => {
  await rows.close()
  await api.stop()
})

async function whoami(token: string) {
  return (await api.call({ path: '/v1/whoami', token })).json
}

test('a child is the same agent with fewer scopes, and says whose child it is', async () => {
  const parent = await whoami(ada)

  const made = await delegate(api, ada, { scopes: READING })
  const child = await whoami(String(made.json['secret']))

  expect(made.status).toBe(201)
  expect(child).toEqual({
    ...parent,
    tokenId: made.json['tokenId'],
    scopes: READING,
    parentTokenId: parent['tokenId'],
    depth: 2,
    createdAt: expect.any(String),
    expiresAt: parent['expiresAt'],
  })
  expect((await listed(api, tenantId)).get(String(child['tokenId']))).toEqual(child)
})

test('a child does what its scopes name and nothing else of its parent', async () => {
  const { secret } = await givenChild(api, ada, { scopes: ['messages:read'] })

  const inbox = await api.call({ path: '/v1/inbox', token: secret })
  const body = { to: 'ada', text: 'me' }
  const sent = await api.call({ method: 'POST', path: '/v1/messages', token: secret, body })

  expect([inbox.status, sent.status, sent.code]).toEqual([200, 403, 'gateway.scope-missing'])
})

test.each([
  ['all of its parent’s scopes', { scopes: AGENT_SCOPES }, 'gateway.scopes-not-fewer'],
  [
    'all of them in another order, some twice',
    { scopes: [...AGENT_SCOPES].reverse().concat(AGENT_SCOPES) },
    'gateway.scopes-not-fewer',
  ],
  ['a scope its parent lacks', { scopes: ['tokens:write'] }, 'gateway.scope-not-held'],
  ['no scopes', { scopes: [] }, 'gateway.invalid-request'],
  [
    'a higher rate class',
    { scopes: READING, rateClass: 'elevated' },
    'gateway.rate-class-not-held',
  ],
  ['an end at once', { scopes: READING, expiresInDays: 0 }, 'gateway.invalid-request'],
  ['another agent', { scopes: READING, agent: 'bob' }, 'gateway.invalid-request'],
  ['another tenant', { scopes: READING, tenantId: 'other' }, 'gateway.invalid-request'],
  ['another kind', { scopes: READING, kind: 'operator' }, 'gateway.invalid-request'],
  ['another parent', { scopes: READING, parentTokenId: randomUUID() }, 'gateway.invalid-request'],
])('nobody delegates %s', async (_what, body, code) => {
  const before = await rows.count()

  const refused = await delegate(api, ada, body)

  expect(refused.code).toBe(code)
  expect(await rows.count()).toEqual(before)
})

test('a token of one scope has nothing to delegate', async () => {
  const { secret } = await givenChild(api, ada, { scopes: ['messages:read'] })

  const refused = await delegate(api, secret, { scopes: ['messages:read'] })

  expect([refused.status, refused.code]).toEqual([400, 'gateway.scopes-not-fewer'])
})

test('a grandchild has depth 3 and is the last', async () => {
  const child = await givenChild(api, ada, {
    scopes: ['messages:read', 'agents:read', 'audit:read'],
  })
  const grandchild = await givenChild(api, child.secret, { scopes: READING })

  const refused = await delegate(api, grandchild.secret, { scopes: ['messages:read'] })

  expect(await whoami(grandchild.secret)).toMatchObject({
    depth: 3,
    parentTokenId: child.tokenId,
    agent: 'ada',
  })
  expect([refused.status, refused.code]).toEqual([403, 'gateway.delegation-too-deep'])
})

test('a child ends no later than its parent, whatever is asked', async () => {
  const body = { kind: 'agent', tenantId, agent: 'ada', expiresInDays: 2 }
  const short = await api.call({ method: 'POST', path: '/v1/tokens', token: api.operator, body })
  const secret = String(short.json['secret'])
  const endOf = async (expiresInDays?: number) => {
    const asked = expiresInDays === undefined ? {} : { expiresInDays }
    return (await delegate(api, secret, { scopes: READING, ...asked })).json['expiresAt']
  }

  expect([await endOf(), await endOf(365)]).toEqual([
    short.json['expiresAt'],
    short.json['expiresAt'],
  ])
  expect(Date.parse(String(await endOf(1)))).toBeLessThan(Date.parse(String(await endOf())))
  // The operators' first token holds for a year: its child for the usual time.
  const child = await delegate(api, api.operator, { scopes: ['audit:read'] })
  const days = (Date.parse(String(child.json['expiresAt'])) - Date.now()) / 86_400_000
  expect(Math.round(days)).toBe(90)
})

test('of ten requests with one key one gets the secret, and one child is made', async () => {
  const key = randomUUID()
  const { secret } = await givenAgentToken(api, { tenantId, name: 'bob' })
  const before = (await listed(api, tenantId)).size

  const answers = await Promise.all(
    Array.from({ length: 10 }, () => delegate(api, secret, { scopes: READING, key })),
  )

  const codes = answers.map(({ status, code }) => code ?? status)
  expect(codes.filter((code) => code === 201)).toHaveLength(1)
  expect(codes.filter((code) => code === 'gateway.token-already-shown')).toHaveLength(9)
  expect((await listed(api, tenantId)).size).toBe(before + 1)
  const other = await delegate(api, secret, { scopes: ['audit:read'], key })
  expect([other.status, other.code]).toEqual([422, 'gateway.idempotency-key-reused'])
})

test('a key that one of an agent’s tokens delegated by is used up for its others', async () => {
  const key = randomUUID()
  const body = { kind: 'agent', tenantId, agent: 'ada' }
  const second = await api.call({ method: 'POST', path: '/v1/tokens', token: api.operator, body })

  const mine = await delegate(api, ada, { scopes: READING, key })
  const other = await delegate(api, String(second.json['secret']), { scopes: READING, key })

  expect([mine.status, other.code]).toEqual([201, 'gateway.idempotency-key-reused'])
})

test('the ledger tells of a delegation with it, and nobody stores the secret', async () => {
  const { tokenId, secret } = await givenChild(api, ada, { scopes: READING })

  const path = `/v1/audit/entries?tenantId=${tenantId}&target=token:${tokenId}`
  const entries = await eventually(
    async () => {
      const { json } = await api.call({ path, token: api.operator })
      const found = (json['entries'] ?? []) as unknown[]
      return found.length > 0 && found
    },
    { what: 'the entry' },
  )

  expect(JSON.stringify(entries)).toContain('token.delegated')
  expect(await rows.find(secret)).toEqual([])
})

test('a delegated operator is the same operator, and makes no token that outlives it', async () => {
  const scopes = ['tokens:write', 'tenants:write', 'agents:write', ...AGENT_SCOPES]
  const made = await delegate(api, api.operator, { scopes, expiresInDays: 2 })
  const child = made.json as unknown as GivenToken & { expiresAt: string }
  const order = (body: unknown) =>
    api.call({ method: 'POST', path: '/v1/tokens', token: child.secret, body })

  const operator = await order({ kind: 'operator', scopes: ['audit:read'] })
  const agent = await order({ kind: 'agent', tenantId, agent: 'ada', expiresInDays: 365 })
  const joined = await api.call({
    method: 'POST',
    path: `/v1/tenants/${tenantId}/agents`,
    token: child.secret,
    body: { name: 'joined', expiresInDays: 365 },
  })
  // A key belongs to a principal: the child's is its parent's.
  const headers = { 'idempotency-key': randomUUID() }
  const body = { tenantId: 'by-either', name: 'By either' }
  const create = (token: string) =>
    api.call({ method: 'POST', path: '/v1/tenants', token, body, headers })
  const [first, second] = [await create(child.secret), await create(api.operator)]

  expect([operator.status, operator.code]).toEqual([403, 'gateway.root-required'])
  expect(agent.json).toMatchObject({ depth: 1, expiresAt: child.expiresAt })
  expect(joined.json).toMatchObject({ token: { depth: 1, expiresAt: child.expiresAt } })
  expect([first.status, second.status, second.text]).toEqual([201, 201, first.text])
})

test('a tree has a hundred live descendants at most, also when two ask at once', async () => {
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'fertile' })
  const first = await givenChild(api, secret, { scopes: READING })
  for (let made = 1; made < 99; made += 1) await givenChild(api, secret, { scopes: READING })

  // One asks for a child, the other for a grandchild.
  const racing = await Promise.all([
    delegate(api, secret, { scopes: READING }),
    delegate(api, first.secret, { scopes: ['messages:read'] }),
  ])
  const revoked = await revokeBy(api, secret, first.tokenId)
  // Its own child, when that one won, made room for one more; one is free in any case.
  const again = await delegate(api, secret, { scopes: READING })

  expect(racing.map(({ status }) => status).sort()).toEqual([201, 409])
  expect(racing.map(({ code }) => code)).toContain('gateway.too-many-delegated')
  expect([revoked.status, again.status]).toEqual([200, 201])
  expect((await revokeBy(api, api.operator, tokenId)).status).toBe(200)
  expect(await stateOf(api, again.json as never)).toBe('gateway.token-revoked')
}, 60_000)
