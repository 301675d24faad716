import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openAdmin } from '@mumega/testkit'
import { loadConfig } from '../src/config.ts'
import { givenChild } from './delegating.ts'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'

const PER_TOKEN = 20
const ELEVATED = 50
const ANONYMOUS = 15

let api: Api
let tenantId: string

beforeAll(async () => {
  api = await startApi({
    MUMEGA_RATE_LIMIT_PER_MINUTE: String(PER_TOKEN),
    MUMEGA_ELEVATED_RATE_LIMIT_PER_MINUTE: String(ELEVATED),
    MUMEGA_ANONYMOUS_RATE_LIMIT_PER_MINUTE: String(ANONYMOUS),
  })
  tenantId = await givenTenant(api)
}, 120_000)

afterAll(async () => {
  await api.stop()
})

test('a token that asks too often is told when to come back, and others go on', async () => {
  const ada = await givenAgent(api, tenantId, 'ada')
  const bob = await givenAgent(api, tenantId, 'bob')
  const ask = (token: string) => api.call({ path: '/v1/whoami', token })

  for (let nth = 0; nth < PER_TOKEN; nth += 1) {
    const { status, headers } = await ask(ada)
    expect([status, headers.get('ratelimit-remaining')]).toEqual([200, `${PER_TOKEN - 1 - nth}`])
  }
  const limited = await ask(ada)
  const other = await ask(bob)

  expect([limited.status, limited.code]).toEqual([429, 'gateway.rate-limited'])
  expect(limited.headers.get('ratelimit-limit')).toBe(String(PER_TOKEN))
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(Number(limited.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  expect(other.status).toBe(200)
})

/** A token that the operator orders; its secret. */
async function ordered(body: object): Promise<string> {
  const made = await api.call({ method: 'POST', path: '/v1/tokens', token: api.operator, body })
  expect(made.status).toBe(201)
  return String(made.json['secret'])
}

/** The status of one request, and what it says is left. */
async function spend(token: string): Promise<[number, number]> {
  const { status, headers } = await api.call({ path: '/v1/whoami', token })
  return [status, Number(headers.get('ratelimit-remaining'))]
}

test('delegated tokens spend what their root has, and what is left is told to each', async () => {
  const dan = await givenAgent(api, tenantId, 'dan')
  const child = await givenChild(api, dan, { scopes: ['messages:read', 'agents:read'] })
  const last = await givenChild(api, child.secret, { scopes: ['messages:read'] })
  let left = PER_TOKEN - 2

  for (const token of [dan, child.secret, last.secret, child.secret]) {
    left -= 1
    expect(await spend(token)).toEqual([200, left])
  }
  while (left > 0) {
    left -= 1
    await spend(last.secret)
  }

  for (const token of [dan, child.secret, last.secret]) expect(await spend(token)).toEqual([429, 0])
})

test('a refused request is told what is left, too', async () => {
  const eve = await givenAgent(api, tenantId, 'eve')

  const { status, headers } = await api.call({ path: '/v1/tenants', token: eve })

  expect([status, headers.get('ratelimit-remaining')]).toEqual([403, String(PER_TOKEN - 1)])
})

test('an agent has the elevated rate where an operator orders it, and its children less', async () => {
  const path = `/v1/tenants/${tenantId}/agents`
  const body = { name: 'fay', rateClass: 'elevated' }
  const made = await api.call({ method: 'POST', path, token: api.operator, body })
  const first = (made.json['token'] as { secret: string }).secret
  const second = await ordered({ kind: 'agent', tenantId, agent: 'fay', rateClass: 'elevated' })
  const scopes = ['messages:read']
  const lesser = await givenChild(api, first, { scopes, rateClass: 'standard' })
  const equal = await givenChild(api, first, { scopes })

  expect(await spend(second)).toEqual([200, ELEVATED - 1])
  // The two that were made of it have been counted with it.
  expect(await spend(first)).toEqual([200, ELEVATED - 3])
  expect(await spend(equal.secret)).toEqual([200, ELEVATED - 4])
  expect(await spend(lesser.secret)).toEqual([200, PER_TOKEN - 5])
})

test('an operator’s token is elevated, and one that is not makes none that is', async () => {
  const scopes = ['tokens:write', 'agents:write', 'messages:read']
  const usual = await ordered({ kind: 'operator', scopes })
  const lesser = await ordered({ kind: 'operator', scopes, rateClass: 'standard' })
  const order = (body: object) =>
    api.call({ method: 'POST', path: '/v1/tokens', token: lesser, body })

  const agent = { kind: 'agent', tenantId, agent: 'dan', scopes: ['messages:read'] }
  const refused = [
    await order({ kind: 'operator', scopes, rateClass: 'elevated' }),
    await order({ ...agent, rateClass: 'elevated' }),
  ]
  const own = await order({ kind: 'operator', scopes })

  expect((await spend(usual))[1]).toBe(ELEVATED - 1)
  for (const { status, code } of refused) {
    expect([status, code]).toEqual([403, 'gateway.rate-class-not-held'])
  }
  expect([own.status, own.json['rateClass']]).toEqual([201, 'standard'])
})

test('without settings a token has 60 requests a minute, and an elevated one 600', () => {
  const config = loadConfig({ DATABASE_URL: 'postgres://x', NATS_URL: 'nats://x' })

  expect(config.MUMEGA_RATE_LIMIT_PER_MINUTE).toBe(60)
  expect(config.MUMEGA_ELEVATED_RATE_LIMIT_PER_MINUTE).toBe(600)
})

test('who guesses tokens is limited by address, and valid tokens there still work', async () => {
  const cyd = await givenAgent(api, tenantId, 'cyd')
  const guess = (nth: number) =>
    api.call({ path: '/v1/whoami', token: `mmg_agent_${String(nth).padStart(43, 'A')}` })

  const statuses = new Set<number>()
  for (let nth = 0; nth <= ANONYMOUS; nth += 1) statuses.add((await guess(nth)).status)
  const last = await guess(99)
  const nowhere = await api.call({ path: '/v1/nothing' })
  const valid = await api.call({ path: '/v1/whoami', token: cyd })

  expect(statuses).toEqual(new Set([401, 429]))
  expect([last.status, last.code]).toEqual([429, 'gateway.rate-limited'])
  expect(nowhere.status).toBe(429)
  expect(valid.status).toBe(200)
})

test('while nobody can look a token up, its owner is not told to have asked too often', async () => {
  const gus = await givenAgent(api, tenantId, 'gus')
  const ask = () => api.call({ path: '/v1/whoami', token: gus })
  const admin = openAdmin(api.suite.database.adminUrl)
  const holder = await admin.transaction()
  await holder.raw('lock table gateway.tokens')
  const answers = await Promise.all(Array.from({ length: ANONYMOUS + 5 }, ask))
  await holder.rollback()
  await admin.destroy()

  const codes = answers.map(({ code }) => code)
  expect(new Set(codes)).toEqual(new Set(['gateway.cannot-authenticate']))
  expect((await ask()).status).toBe(200)
})

test('probes are never limited', async () => {
  for (let nth = 0; nth < ANONYMOUS * 2; nth += 1) {
    expect((await api.call({ path: '/healthz' })).status).toBe(200)
  }
})

test('a path that leads to no route is counted too', async () => {
  const statuses: number[] = []
  for (let nth = 0; nth <= ANONYMOUS; nth += 1) {
    statuses.push((await api.call({ path: '/v1/tenants/%E0%A4%A' })).status)
  }

  expect(statuses.at(-1)).toBe(429)
  const long = await api.call({ path: `/v1/tenants/${'a'.repeat(101)}` })
  expect(long.status).toBe(429)
})
