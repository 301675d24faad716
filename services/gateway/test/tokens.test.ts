import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { AGENT_SCOPES } from '@mumega/contracts/gateway'
import { givenAgentToken, givenTenant, openRows, startApi, type Api, type Rows } from './given.ts'

let api: Api
let rows: Rows

beforeAll(async () => {
  api = await startApi()
  rows = openRows(api)
}, 120_000)

afterAll(async () => {
  await rows.close()
  await api.stop()
})

test('a secret is stored nowhere: neither in a table nor on the ledger', async () => {
  const tenantId = await givenTenant(api)
  const { secret } = await givenAgentToken(api, { tenantId, name: 'ada' })

  expect(secret).toMatch(/^mmg_agent_[A-Za-z0-9_-]{43}$/)
  expect(await rows.find(secret)).toEqual([])
})

test('a revoked token is refused from the next request on, and stays so', async () => {
  const { call, operator } = api
  const tenantId = await givenTenant(api)
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'ada' })
  expect((await call({ path: '/v1/whoami', token: secret })).status).toBe(200)

  const revoked = await call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token: operator })
  const after = await call({ path: '/v1/whoami', token: secret })
  const again = await call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token: operator })

  expect(revoked.status).toBe(200)
  expect([after.status, after.code]).toEqual([401, 'gateway.token-revoked'])
  expect(after.headers.get('www-authenticate')).toBe('Bearer realm="mumega"')
  expect(again.json).toEqual(revoked.json)
})

test('a token does only what its scopes name', async () => {
  const tenantId = await givenTenant(api)
  const { secret } = await givenAgentToken(api, {
    tenantId,
    name: 'ada',
    scopes: ['messages:read'],
  })

  const inbox = await api.call({ path: '/v1/inbox', token: secret })
  const body = { to: 'ada', text: 'me' }
  const sent = await api.call({ method: 'POST', path: '/v1/messages', token: secret, body })

  expect(inbox.status).toBe(200)
  expect([sent.status, sent.code, sent.json['scope']]).toEqual([
    403,
    'gateway.scope-missing',
    'messages:send',
  ])
})

test('an operator grants no scope that it does not hold', async () => {
  const { call, operator } = api
  const order = { kind: 'operator', scopes: ['tokens:write', 'agents:write', 'messages:read'] }
  const made = await call({ method: 'POST', path: '/v1/tokens', token: operator, body: order })
  const lesser = String(made.json['secret'])
  const tenantId = await givenTenant(api)

  const greater = await call({
    method: 'POST',
    path: '/v1/tokens',
    token: lesser,
    body: { kind: 'operator', scopes: ['tenants:write'] },
  })
  const agent = await call({
    method: 'POST',
    path: `/v1/tenants/${tenantId}/agents`,
    token: lesser,
    body: { name: 'ada' },
  })

  expect([greater.status, greater.code]).toEqual([403, 'gateway.scope-not-held'])
  expect([agent.status, agent.code]).toEqual([403, 'gateway.scope-not-held'])
})

test('a token tells who the caller is, and nothing secret', async () => {
  const tenantId = await givenTenant(api)
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'ada' })

  const { json } = await api.call({ path: '/v1/whoami', token: secret })

  expect(json).toEqual({
    tokenId,
    kind: 'agent',
    tenantId,
    agent: 'ada',
    scopes: [...AGENT_SCOPES],
    rateClass: 'standard',
    depth: 1,
    createdAt: expect.any(String),
    expiresAt: expect.any(String),
  })
})

test('lists come in pages that miss nothing and repeat nothing', async () => {
  const { call, operator } = api
  const tenantId = await givenTenant(api)
  const made: string[] = []
  for (const name of ['ada', 'bob', 'cyd']) {
    made.push((await givenAgentToken(api, { tenantId, name })).tokenId)
  }

  const seen: string[] = []
  let after = ''
  for (let page = 0; page < 3; page += 1) {
    const path = `/v1/tokens?tenantId=${tenantId}&limit=1${after}`
    const { json } = await call({ path, token: operator })
    seen.push(...(json['tokens'] as { tokenId: string }[]).map(({ tokenId }) => tokenId))
    after = `&after=${String(json['next'])}`
  }

  expect(seen).toEqual(made.reverse())
  expect(after).toBe('&after=undefined')
})

test('an agent that is there is not made again, and its token may be renewed', async () => {
  const { call, operator } = api
  const tenantId = await givenTenant(api)
  await givenAgentToken(api, { tenantId, name: 'ada' })
  const path = `/v1/tenants/${tenantId}/agents`

  const again = await call({ method: 'POST', path, token: operator, body: { name: 'ada' } })
  const order = { kind: 'agent', tenantId, agent: 'ada', expiresInDays: 1 }
  const renewed = await call({ method: 'POST', path: '/v1/tokens', token: operator, body: order })
  const nobody = { ...order, agent: 'nobody' }
  const refused = await call({ method: 'POST', path: '/v1/tokens', token: operator, body: nobody })

  expect([again.status, again.code]).toEqual([409, 'gateway.agent-exists'])
  expect(renewed.status).toBe(201)
  expect([refused.status, refused.code]).toEqual([404, 'bridge.agent-not-found'])
})
