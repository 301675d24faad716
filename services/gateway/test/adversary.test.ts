import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'
import { openSlowRequest, plainCall, type PlainCall } from './slow-request.ts'

let api: Api
let tenantId: string
let ada: string

beforeAll(async () => {
  api = await startApi()
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
  await givenAgent(api, tenantId, 'bob')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

const plain = (call: PlainCall) => plainCall(api.suite.gatewayUrl, call)

test.each([
  ['a part of 101 characters', `/v1/tenants/${'a'.repeat(101)}`, 401, 'gateway.token-missing'],
  ['a part of 5,000 characters', `/v1/tenants/${'a'.repeat(5_000)}`, 401, 'gateway.token-missing'],
  ['an escape that is none', '/v1/tenants/%E0%A4%A', 400, 'gateway.malformed-request'],
  ['an escape of no text', '/v1/tenants/%ff', 400, 'gateway.malformed-request'],
])('a stranger’s path with %s is answered like any other', async (...row) => {
  const [, path, status, code] = row
  const answer = await plain({ path })

  expect([answer.status, answer.code]).toEqual([status, code])
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(answer.headers['trace-id']).toMatch(/^[0-9a-f]{32}$/)
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect(answer.headers['ratelimit-remaining']).toMatch(/^[0-9]+$/)
})

test('a parameter that is too long is named to who may know', async () => {
  const answer = await api.call({ path: `/v1/tenants/${'a'.repeat(101)}`, token: api.operator })

  expect([answer.status, answer.code, answer.json['field']]).toEqual([
    400,
    'gateway.invalid-request',
    'tenantId',
  ])
})

test.each([
  ['that climbs', '/docs/static/%2e%2e/%2e%2e/package.json'],
  ['that climbs by escaped slashes', '/docs/static/..%2f..%2fpackage.json'],
  ['with NUL', '/docs/static/a%00'],
  ['of 3,000 characters', `/docs/static/${'a'.repeat(3_000)}`],
  ['that is not there', '/docs/static/nothing.js'],
])('a file of the documentation %s is not found', async (_what, path) => {
  const answer = await plain({ path })

  expect([answer.status, answer.code]).toEqual([404, 'gateway.route-not-found'])
})

test('a text that is no UTF-8 is refused, not mended', async () => {
  const [head, tail] = ['{"to":"bob","text":"', '"}'].map((part) => Buffer.from(part))
  const bytes = [head, Buffer.from([0xff, 0xfe, 0xc0, 0x80]), tail].filter((part) => !!part)
  const headers = { 'content-type': 'application/json' }
  const body = Buffer.concat(bytes)
  const path = '/v1/messages'

  const answer = await plain({ method: 'POST', path, token: ada, headers, body })

  expect([answer.status, answer.code]).toEqual([400, 'gateway.malformed-json'])
  expect(answer.text).toContain('UTF-8')
})

test.each([
  ['application/json; charset=utf-8', 202],
  ['application/json; charset="UTF-8"', 202],
  ['application/json; charset=iso-8859-1', 415],
  ['application/json; charset=utf-16le', 415],
])('a body of %s is answered %i', async (contentType, status) => {
  const answer = await api.call({
    method: 'POST',
    path: '/v1/messages',
    token: ada,
    headers: { 'content-type': contentType },
    body: { to: 'bob', text: 'é' },
  })

  expect(answer.status).toBe(status)
})

test('a client that breaks its body off is no mistake of ours', async () => {
  const body = { to: 'bob', text: 'broken off' }
  const before = await problems('malformed-request')
  const path = '/v1/messages'

  // One that breaks off while its token is looked up is only gone: nobody reads its body yet.
  await eventually(
    async () => {
      const slow = await openSlowRequest(api.suite.gatewayUrl, { path, token: ada, body })
      slow.breakOff()
      // What is counted as a mistake of ours is what is logged as one.
      return (
        (await problems('malformed-request')) > before || (await problems('internal-error')) > 0
      )
    },
    { what: 'the gateway to notice one' },
  )
  expect(await problems('internal-error')).toBe(0)
})

/** How many requests were answered with this problem. */
async function problems(name: string): Promise<number> {
  const { text } = await api.call({ path: '/metrics', token: api.operator })
  const pattern = new RegExp(`^gateway_problems_total\\{code="gateway\\.${name}"\\} ([0-9]+)$`, 'm')
  return Number(pattern.exec(text)?.[1] ?? 0)
}

test('a body that dawdles is a time-out of the request, and the connection is closed', async () => {
  const body = { to: 'bob', text: 'slow' }
  const path = '/v1/messages'
  const slow = await openSlowRequest(api.suite.gatewayUrl, { path, token: ada, body })

  const answer = await slow.dawdle()

  expect([answer.status, answer.code]).toEqual([408, 'gateway.request-timeout'])
  expect(answer.headers.connection).toBe('close')
}, 60_000)

test('an Idempotency-Key is offered only where it does something', async () => {
  const { json } = await api.call({ path: '/openapi.json' })
  const paths = json['paths'] as Record<string, { post?: { parameters?: { name: string }[] } }>
  const posts = Object.entries(paths).filter(([, { post }]) => post !== undefined)

  const without = posts
    .filter(([, { post }]) => !post?.parameters?.some(({ name }) => name === 'idempotency-key'))
    .map(([path]) => path)

  // A heartbeat that is recorded twice is recorded once: the newest counts, as of two holds. Tools
  // have arguments. What was received, and the answer lost, is leased, and comes again.
  expect(without.sort()).toEqual([
    '/mcp',
    '/v1/heartbeats',
    '/v1/inbox/receive',
    '/v1/inbox/{messageId}/hold',
  ])
})
