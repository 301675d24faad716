import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { eventually } from '@mumega/testkit'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'
import { readMetrics, type Metrics } from './read-metrics.ts'

let api: Api
let ada: string
beforeAll(async () => {
  api = await startApi({}, { services: SERVICES })
  const tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
  await givenAgent(api, tenantId, 'bob')
}, 120_000)
afterAll(async () => {
  await api.stop()
})

async function scrape(): Promise<Metrics> {
  const { text, status } = await api.call({ path: '/metrics', token: api.operator })
  expect(status).toBe(200)
  return readMetrics(text)
}

const services = [...SERVICES].sort()
const namesOf = ({ families }: Metrics, start: string) =>
  families.map(({ name }) => name).filter((name) => name.startsWith(start))

test('one scrape has every service, what it depends on, and all of its figures', async () => {
  await givenMessage(api, { token: ada, to: 'bob', text: 'counted' })
  const metrics = await eventually(
    async () => {
      const read = await scrape()
      const published = read.value('mumega_bridge_relay_published_total') ?? 0
      const entries = read.value('mumega_audit_ledger_size_entries') ?? 0
      return published > 0 && entries > 0 && read
    },
    { what: 'the message to be counted' },
  )

  for (const service of services) {
    expect([service, metrics.value('mumega_service_up', { service })]).toEqual([service, 1])
    expect(metrics.value('mumega_service_healthy', { service })).toBe(1)
    expect([service, metrics.value('mumega_service_figures_unread', { service })]).toEqual([
      service,
      0,
    ])
    for (const dependency of ['postgres', 'nats']) {
      const labels = { service, dependency }
      expect(metrics.value('mumega_dependency_up', labels)).toBe(1)
      const seconds = metrics.value('mumega_dependency_latency_seconds', labels)
      expect(seconds).toBeGreaterThan(0)
      expect(seconds).toBeLessThan(2)
    }
  }
  expect(metrics.value('mumega_dependency_up', { dependency: 'sealing' })).toBe(1)
  expect(metrics.value('mumega_bridge_asks_waiting')).toBe(0)
  expect(metrics.value('mumega_gateway_outbox_pending')).toBeGreaterThanOrEqual(0)
  // The gateway's own are in the same scrape.
  expect(namesOf(metrics, 'gateway_http_requests_total')).toHaveLength(1)
})

test('a scraper has a token that may read operations, and no other is served', async () => {
  const scopes = ['operations:read']
  const path = '/v1/tokens/delegate'
  const body = { scopes, expiresInDays: 30 }
  const made = await api.call({ method: 'POST', path, token: api.operator, body })
  const scraper = String(made.json['secret'])

  const answers = await Promise.all(
    [undefined, ada, scraper].map((token) => api.call({ path: '/metrics', token })),
  )

  expect(answers.map(({ status, code }) => [status, code])).toEqual([
    [401, 'gateway.token-missing'],
    [403, 'gateway.scope-missing'],
    [200, undefined],
  ])
  expect(answers[2]?.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(answers[2]?.headers.get('cache-control')).toBe('no-store')
})

test('HEAD answers as GET does, without the metrics', async () => {
  const head = await api.call({ method: 'HEAD', path: '/metrics', token: api.operator })

  expect([head.status, head.text]).toEqual([200, ''])
  expect(head.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1_000)
  expect((await api.call({ method: 'HEAD', path: '/metrics' })).status).toBe(401)
})

test('a service that is gone, or hangs, is down and has no figures; the others have', async () => {
  await api.suite.kill('bridge')
  process.kill(api.suite.pid('audit-ledger'), 'SIGSTOP')
  const startedMs = performance.now()
  try {
    const metrics = await scrape()

    expect(performance.now() - startedMs).toBeLessThan(4_000)
    expect(metrics.value('mumega_service_up', { service: 'bridge' })).toBe(0)
    expect(metrics.value('mumega_service_up', { service: 'audit-ledger' })).toBe(0)
    expect(metrics.value('mumega_service_up', { service: 'gateway' })).toBe(1)
    expect(namesOf(metrics, 'mumega_bridge')).toEqual([])
    expect(namesOf(metrics, 'mumega_audit_ledger')).toEqual([])
    const tell = new Set(metrics.labelsOf('mumega_dependency_up', 'service'))
    expect([...tell]).toEqual(['gate', 'gateway', 'objectives'])
    expect(metrics.value('mumega_gateway_streams_open')).toBe(0)
  } finally {
    process.kill(api.suite.pid('audit-ledger'), 'SIGCONT')
  }
  await api.suite.restart('bridge')
  const isBack = async () =>
    (await scrape()).value('mumega_service_up', { service: 'bridge' }) === 1
  await eventually(isBack, { what: 'the bridge to be up again' })
}, 60_000)

test('without the bus the gateway still tells of itself', async () => {
  await api.suite.nats.kill()
  const metrics = await scrape()
  await api.suite.nats.restart()

  expect(metrics.labelsOf('mumega_service_up', 'service')).toEqual(services)
  expect(metrics.value('mumega_service_up', { service: 'bridge' })).toBe(0)
  const labels = { service: 'gateway', dependency: 'nats' }
  expect(metrics.value('mumega_dependency_up', labels)).toBe(0)
}, 60_000)
