import { request, type ClientRequest } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { openAdmin, eventually } from '@mumega/testkit'
import { openExportAudit, type ExportVerdict } from '@mumega/tlog/export-audit'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

const EXPORTS_MAX = 8
const EXPORTS_OF_AGENTS_MAX = 6
const EXPORTS_OF_TENANT_MAX = 2
const EXPORTS_OF_OPERATOR_MAX = 4

let api: Api
let vkey: string
let operators: string[]
/** Two tokens of one tenant each. */
let tenants: [string, string][]
const readers = new Set<ClientRequest>()

beforeAll(async () => {
  api = await startApi()
  operators = [api.operator, await givenOperator(), await givenOperator()]
  tenants = []
  for (let nth = 0; nth < 4; nth += 1) {
    const tenantId = await givenTenant(api)
    tenants.push([await givenAgent(api, tenantId, 'ada'), await givenAgent(api, tenantId, 'bob')])
  }
  await givenMessage(api, { token: agent(0), to: 'ada', text: 'hello' })
  vkey = (await api.call({ path: '/v1/audit/key' })).text.trim()
  await eventually(async () => verdictOn((await exported()).text).entries === 1, {
    what: 'a signed log',
  })
}, 60_000)

afterAll(() => api.stop())

afterEach(async () => {
  for (const reader of readers) reader.destroy()
  readers.clear()
  // The places are free when the gateway has seen that the readers left.
  await eventually(async () => (await exported()).status === 200, { what: 'room' })
})

const agent = (tenant: number, token: 0 | 1 = 0) => tenants[tenant]?.[token] ?? ''

async function givenOperator(): Promise<string> {
  const body = { kind: 'operator', scopes: ['audit:read'] }
  const path = '/v1/tokens'
  const made = await api.call({ method: 'POST', path, token: api.operator, body })
  if (made.status !== 201) throw new Error(made.text)
  return String(made.json['secret'])
}

const EXPORT = '/v1/audit/export?format=jsonl&action=message.accepted'
const exported = (token = api.operator) => api.call({ path: EXPORT, token })

function verdictOn(text: string): ExportVerdict {
  const audit = openExportAudit(vkey)
  for (const line of text.split('\n').slice(0, -1)) audit.take(line)
  return audit.end({ isWhole: text.endsWith('\n') })
}

/** Runs this while every export that begins waits for what it reads; resolves with its result. */
async function whileExportsWait<Result>(run: () => Promise<Result>): Promise<{ result: Result }> {
  const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 1 })
  try {
    return await admin.transaction(async (trx) => {
      await trx.raw('lock table audit_ledger.event_batches in access exclusive mode')
      return { result: await run() }
    })
  } finally {
    await admin.destroy()
  }
}

/** Starts exports that hold their places; the statuses of the first, once so many were refused. */
async function hold(tokens: readonly string[], refusals: number): Promise<number[]> {
  const { hostname, port } = new URL(api.suite.gatewayUrl)
  const statuses: number[] = []
  for (const token of tokens) {
    const headers = { authorization: `Bearer ${token}` }
    const call = request({ hostname, port, path: EXPORT, headers }, (answer) => {
      answer.resume()
      statuses.push(answer.statusCode ?? 0)
    })
    readers.add(call.on('error', () => undefined))
    call.end()
  }
  await eventually(() => Promise.resolve(statuses.length >= refusals), { what: 'refusals' })
  // Those that hold a place are answered later.
  return [...statuses]
}

test('of more exports than may run at once one is refused; those before it are whole, and make room', async () => {
  const [one, other, third] = operators
  const { result } = await whileExportsWait(async () => {
    const tokens = Array.from({ length: EXPORTS_MAX }, (_, nth) => (nth % 2 === 0 ? one : other))
    const started = [...tokens, third].map((token) => exported(token))
    return { exports: started, refused: await Promise.race(started) }
  })

  const { exports, refused } = result
  expect([refused.status, refused.json]).toMatchObject([429, { code: 'gateway.too-many-exports' }])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const made = (await Promise.all(exports)).filter(({ status }) => status === 200)
  expect(made).toHaveLength(EXPORTS_MAX)
  for (const { text } of made) {
    expect(verdictOn(text)).toMatchObject({ status: 'valid', entries: 1 })
  }
  expect((await exported()).status).toBe(200)
})

test('the agents of one tenant hold two places, with however many tokens, and others still export', async () => {
  const greedy = Array.from({ length: 8 }, (_, nth) => agent(0, nth % 2 === 0 ? 0 : 1))
  const refusals = greedy.length - EXPORTS_OF_TENANT_MAX

  const { result } = await whileExportsWait(async () => {
    const statuses = await hold(greedy, refusals)
    const refused = await exported(agent(0))
    const others = [api.operator, api.operator, agent(1), agent(2)].map((token) => exported(token))
    return { statuses, refused, others }
  })

  expect(result.statuses).toEqual(Array.from({ length: refusals }, () => 429))
  expect(result.refused.json).toMatchObject({
    code: 'gateway.too-many-exports',
    limit: EXPORTS_OF_TENANT_MAX,
    detail:
      '2 exports of this tenant are under way, and no more are made at once. Wait until one has ended: the faster they are read, the sooner.',
  })
  const made = await Promise.all(result.others)
  expect(made.map(({ status }) => status)).toEqual([200, 200, 200, 200])
})

test('the agents of all tenants together leave room for operators', async () => {
  const everybody = [0, 1, 2, 3].flatMap((tenant) => [agent(tenant), agent(tenant)])

  const { result } = await whileExportsWait(async () => {
    const statuses = await hold(everybody, everybody.length - EXPORTS_OF_AGENTS_MAX)
    return { statuses, others: operators.slice(0, 2).map((token) => exported(token)) }
  })

  expect(result.statuses).toEqual([429, 429])
  const made = await Promise.all(result.others)
  expect(made.map(({ status }) => status)).toEqual([200, 200])
})

test('one operator’s token leaves room for the others', async () => {
  const greedy = Array.from({ length: 8 }, () => api.operator)
  const refusals = greedy.length - EXPORTS_OF_OPERATOR_MAX

  const { result } = await whileExportsWait(async () => {
    const statuses = await hold(greedy, refusals)
    return { statuses, others: [exported(operators[1]), exported(agent(0))] }
  })

  expect(result.statuses).toEqual(Array.from({ length: refusals }, () => 429))
  const made = await Promise.all(result.others)
  expect(made.map(({ status }) => status)).toEqual([200, 200])
})
