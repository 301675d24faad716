import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'

const PER_TOKEN = 20
const ANONYMOUS = 15

let api: Api
let tenantId: string

beforeAll(async () => {
  api = await startApi({
    MUMEGA_RATE_LIMIT_PER_MINUTE: String(PER_TOKEN),
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
