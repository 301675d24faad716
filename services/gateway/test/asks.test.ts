import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openAdmin, eventually } from '@mumega/testkit'
import { givenAgent, givenAgentToken, givenTenant, startApi, type Api } from './given.ts'
import { readMetrics } from './read-metrics.ts'

const PER_AGENT = 2

let api: Api
let tenantId: string
let bob: string
const lines: string[] = []

beforeAll(async () => {
  api = await startApi(
    { MUMEGA_STREAM_KEEP_ALIVE_MS: '500' },
    {
      bridge: { BRIDGE_ASKS_WAITING_PER_AGENT_MAX: String(PER_AGENT) },
      onLine: (line) => lines.push(line),
    },
  )
  tenantId = await givenTenant(api)
  bob = await givenAgent(api, tenantId, 'bob')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

const ask = (token: string, text: string) =>
  api.call({ ...{ method: 'POST', path: '/v1/asks', token }, body: questionOf(text) })

const questionOf = (text: string) => ({ to: 'bob', text, timeoutSeconds: 120 })

/** The ids of the questions in bob's inbox with such a text, once there are so many. */
async function questions(text: string, count: number): Promise<string[]> {
  return eventually(
    async () => {
      const { json } = await api.call({ path: '/v1/inbox?limit=100', token: bob })
      const asked = json['messages'] as { text: string; messageId: string }[]
      const found = asked.filter((message) => message.text === text)
      return found.length === count && found.map(({ messageId }) => messageId)
    },
    { what: `${count} questions` },
  )
}

async function answer(to: string, questionIds: readonly string[]): Promise<void> {
  for (const replyTo of questionIds) {
    const body = { to, text: 'yes', replyTo }
    await api.call({ method: 'POST', path: '/v1/messages', token: bob, body })
  }
}

test('an agent that asks too much at once is told to wait, and that is no fault of ours', async () => {
  const ada = await givenAgent(api, tenantId, 'ada')
  const waiting = Array.from({ length: PER_AGENT }, () => ask(ada, 'one?'))
  const asked = await questions('one?', PER_AGENT)

  const refused = await ask(ada, 'one too many?')

  expect([refused.status, refused.code]).toEqual([429, 'bridge.too-many-asks'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.json['detail']).toMatch(/of this agent .*Nothing was sent\. Wait until/)
  await answer('ada', asked)
  expect((await Promise.all(waiting)).map(({ json }) => json['answered'])).toEqual([true, true])
  expect(lines.filter((line) => line.includes('too-many-asks'))).toEqual([])
})

interface Begun {
  path: '/v1/asks' | '/mcp'
  token: string
  body: object
  key?: string
}

/** Begins to ask by HTTP or by MCP; who asked can go. */
function begin({ path, token, body, key }: Begun) {
  const going = new AbortController()
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(key !== undefined && { 'idempotency-key': key }),
  }
  const request = { method: 'POST', headers, body: JSON.stringify(body), signal: going.signal }
  const answered = fetch(`${api.suite.gatewayUrl}${path}`, request)
  answered.catch(() => undefined)
  return { answered, go: () => going.abort() }
}

const byMcp = (text: string) => ({
  ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
  params: { name: 'ask', arguments: questionOf(text) },
})

async function waitingAre(count: number): Promise<void> {
  await eventually(
    async () => {
      const { text } = await api.call({ path: '/metrics', token: api.operator })
      return readMetrics(text).value('mumega_bridge_asks_waiting') === count
    },
    { what: `${count} asks to wait` },
  )
}

test('a caller that goes gives the place of its question back, by HTTP and by MCP', async () => {
  const cyd = await givenAgent(api, tenantId, 'cyd')
  const asked = [
    begin({ path: '/v1/asks', token: cyd, body: questionOf('by HTTP?') }),
    begin({ path: '/mcp', token: cyd, body: byMcp('by MCP?') }),
  ]
  await questions('by HTTP?', 1)
  await questions('by MCP?', 1)
  expect((await ask(cyd, 'no room?')).status).toBe(429)

  asked[0]?.go()
  await waitingAre(1)
  asked[1]?.go()
  await waitingAre(0)
  const again = ask(cyd, 'room again?')
  await answer('cyd', await questions('room again?', 1))
  expect((await again).json).toMatchObject({ answered: true })
  expect(lines.filter((line) => line.includes('request-failed'))).toEqual([])
})

test('of two that wait for one question, the one that stays has its answer', async () => {
  const dan = await givenAgent(api, tenantId, 'dan')
  const body = questionOf('one of two?')
  const asked = { path: '/v1/asks', token: dan, body, key: 'key-1' } as const
  const [gone, stays] = [begin(asked), begin(asked)]
  await waitingAre(2)

  gone.go()
  await waitingAre(1)
  await answer('dan', await questions('one of two?', 1))

  expect(await (await stays.answered).json()).toMatchObject({ answered: true })
})

test('a token that is revoked gives the place of its question back', async () => {
  const { secret, tokenId } = await givenAgentToken(api, { tenantId, name: 'eve' })
  const asking = ask(secret, 'revoked?')
  await waitingAre(1)

  await api.call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token: api.operator })

  expect((await asking).code).toBe('gateway.token-revoked')
  await waitingAre(0)
})

test('a question ends with a token of whose revocation nobody tells, as while NATS is away', async () => {
  const { secret, tokenId } = await givenAgentToken(api, { tenantId, name: 'fay' })
  const asking = ask(secret, 'unheard?')
  await waitingAre(1)
  await api.suite.nats.kill()

  const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 1 })
  // By a hand that tells nobody: no gateway's, whose outbox would.
  await admin.transaction(async (trx) => {
    await trx.raw('set local session_replication_role = replica')
    await trx.raw('update gateway.tokens set revoked_at = now() where token_id = ?', [tokenId])
  })
  await admin.destroy()

  // The deadline is two minutes off.
  expect((await asking).code).toBe('gateway.token-revoked')
  await api.suite.nats.restart()
}, 60_000)
