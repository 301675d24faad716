import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { eventually } from '@mumega/testkit'
import { openEventStream } from './event-stream.ts'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

let api: Api
let ada: string
let bob: string

beforeAll(async () => {
  api = await startApi({ MUMEGA_STREAM_KEEP_ALIVE_MS: '500' }, { services: SERVICES })
  const tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
  bob = await givenAgent(api, tenantId, 'bob')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

async function statuses(): Promise<Record<string, string>> {
  const { json } = await api.call({ path: '/readyz' })
  const dependencies = json['dependencies'] as { name: string; status: string }[]
  return Object.fromEntries(dependencies.map(({ name, status }) => [name, status]))
}

const ready = () =>
  eventually(async () => (await api.call({ path: '/readyz' })).status === 200, {
    what: 'everything to be ready',
  })

test('readiness names what is not ok, and recovers with it', async () => {
  await ready()
  expect(await statuses()).toEqual({
    postgres: 'ok',
    nats: 'ok',
    'audit-ledger': 'ok',
    bridge: 'ok',
    objectives: 'ok',
    gate: 'ok',
  })

  await api.suite.kill('bridge')
  const answer = await eventually(
    async () => {
      const found = await api.call({ path: '/readyz' })
      return found.status === 503 && found
    },
    { what: 'the gateway to notice' },
  )

  expect(answer.code).toBe('gateway.not-ready')
  expect(String(answer.json['detail'])).toContain('bridge is')
  expect(await statuses()).toMatchObject({ postgres: 'ok', nats: 'ok', 'audit-ledger': 'ok' })
  expect((await statuses())['bridge']).not.toBe('ok')
  expect((await api.call({ path: '/healthz' })).status).toBe(200)
  await api.suite.restart('bridge')
  await ready()
})

test('a service that hangs is unknown, which is not ready', async () => {
  await ready()
  process.kill(api.suite.pid('audit-ledger'), 'SIGSTOP')
  try {
    const answer = await eventually(
      async () => {
        const found = await api.call({ path: '/readyz' })
        return String(found.json['detail']).includes('audit-ledger is unknown') && found
      },
      { what: 'the gateway to give up' },
    )
    expect(answer.status).toBe(503)
  } finally {
    process.kill(api.suite.pid('audit-ledger'), 'SIGCONT')
  }
  await ready()
})

test('a message that an outage refused is sent once by the same key after it', async () => {
  await ready()
  const message = {
    method: 'POST' as const,
    path: '/v1/messages',
    token: ada,
    body: { to: 'bob', text: 'after the outage' },
    headers: { 'idempotency-key': 'outage-1' },
  }
  await api.suite.kill('bridge')

  const refused = await api.call(message)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  await api.suite.restart('bridge')
  const accepted = await eventually(
    async () => {
      const answer = await api.call(message)
      return answer.status === 202 && answer
    },
    { what: 'the bridge to accept' },
  )
  const again = await api.call(message)

  expect(again.json).toEqual(accepted.json)
})

test('a stream outlives an outage of NATS and delivers what came meanwhile', async () => {
  await ready()
  const { json } = await api.call({ path: '/v1/inbox', token: bob })
  const after = (json['messages'] as unknown[]).length
  const stream = await openEventStream(`${api.suite.gatewayUrl}/v1/inbox/stream?after=${after}`, {
    authorization: `Bearer ${bob}`,
  })
  await stream.nextAny()

  await api.suite.nats.kill()
  const readiness = await eventually(
    async () => {
      const answer = await api.call({ path: '/readyz' })
      return answer.status === 503 && answer
    },
    { what: 'the gateway to miss NATS' },
  )
  expect(String(readiness.json['detail'])).toContain('nats is failing')
  await api.suite.nats.restart()
  await ready()
  const messageId = await givenMessage(api, { token: ada, to: 'bob', text: 'back again' })

  expect(JSON.parse((await stream.next())?.data ?? '{}')).toMatchObject({ messageId })
  stream.close()
}, 60_000)
