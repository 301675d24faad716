import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { Validator } from '@seriousme/openapi-schema-validator'
import { failureOf } from '../src/problem.ts'
import { startApi, type Api, type OpenApi } from './given.ts'

let api: Api

beforeAll(async () => {
  api = await startApi({}, { services: SERVICES })
}, 120_000)

afterAll(async () => {
  await api.stop()
})

/** Sends bytes as they are, and reads until the server closes. */
async function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(api.suite.gatewayUrl)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (chunk) => (received += chunk.toString()))
  socket.write(bytes)
  await new Promise((resolve) => socket.once('close', resolve))
  return received
}

const HEAD = 'GET /v1/whoami HTTP/1.1\r\nHost: x\r\n'

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400, 'gateway.malformed-request'],
  [
    'no host',
    'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n',
    400,
    'gateway.malformed-request',
  ],
  [
    'two hosts',
    'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n',
    400,
    'gateway.malformed-request',
  ],
  ['a header with a bare line feed', `${HEAD}X-A: b\nc\r\n\r\n`, 400, 'gateway.malformed-request'],
  ['a header with NUL', `${HEAD}X-A: b\u0000c\r\n\r\n`, 400, 'gateway.malformed-request'],
  ['a space before a colon', `${HEAD}X-A : b\r\n\r\n`, 400, 'gateway.malformed-request'],
  ['a folded header', `${HEAD}X-A: b\r\n X-Evil: c\r\n\r\n`, 400, 'gateway.malformed-request'],
  [
    'two lengths',
    'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
    400,
    'gateway.malformed-request',
  ],
  [
    'a length and chunks',
    'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n' +
      'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'gateway.malformed-request',
  ],
  [
    'two tokens',
    `${HEAD}Authorization: Bearer a\r\nAuthorization: Bearer b\r\nConnection: close\r\n\r\n`,
    400,
    'gateway.malformed-request',
  ],
  ['9 KB of headers', `${HEAD}X-A: ${'a'.repeat(9_000)}\r\n\r\n`, 431, 'gateway.headers-too-large'],
])('a request with %s is answered with a problem, and the connection is closed', async (...row) => {
  const [, bytes, status, code] = row

  const answer = await raw(bytes)

  expect(answer.split('\r\n', 1)[0]).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(answer).toMatch(/content-type: application\/problem\+json/i)
  expect(answer).toContain(`"code":"${code}"`)
  expect(answer).not.toMatch(/^X-Evil/im)
})

test.each([
  // To whom no body came: it did not wait for it.
  ['gzip', '', '415 .*Content-Encoding is gzip, .* uncompressed, without Content-Encoding'],
  ['identity', '{"to":"bob","text":"x"}', '403 .*bridge.sender-not-an-agent'],
  ['Identity, identity', '{"to":"bob","text":"x"}', '403 .*bridge.sender-not-an-agent'],
])('a body of the coding %s is judged before it is read', async (coding, body, expected) => {
  const head = [
    'POST /v1/messages HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${api.operator}`,
    'Content-Type: application/json',
    'Content-Length: 23',
    `Content-Encoding: ${coding}`,
    'Connection: close',
  ]

  const answer = await raw(`${head.join('\r\n')}\r\n\r\n${body}`)

  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${expected}`, 's'))
  expect(/^accept-encoding: identity/im.test(answer)).toBe(answer.includes('415'))
})

test('a line break that is hidden in a path or a key never becomes a header', async () => {
  const path = '/v1/audit/receipts/bridge%0d%0aX-Evil:1/01900000-0000-7000-8000-000000000000'
  const { status, headers } = await api.call({ path, token: api.operator })

  expect(status).toBe(400)
  expect(headers.has('x-evil')).toBe(false)
})

test('every response has a trace of its own and the security headers', async () => {
  const theirs = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${theirs}-00f067aa0ba902b7-00` }
  const answers = [
    await api.call({ path: '/healthz', headers }),
    await api.call({ path: '/v1/whoami', headers }),
    await api.call({ path: '/v1/nothing', headers }),
  ]
  const traceIds = answers.map((answer) => answer.headers.get('trace-id'))

  // Whoever chose the trace of a request could put another tenant's on a sealed entry.
  expect(traceIds).not.toContain(theirs)
  expect(new Set(traceIds).size).toBe(3)

  for (const answer of answers) {
    const traceId = String(answer.headers.get('trace-id'))
    expect(traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(answer.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('strict-transport-security')).toContain('max-age=31536000')
  }
})

test('no answer that needs a token may be kept by a cache, but the log’s own', async () => {
  const { json } = await api.call({ path: '/openapi.json' })
  const reads = Object.entries((json as unknown as OpenApi).paths).flatMap(([path, { get }]) =>
    get === undefined || /\{|stream$/.test(path) || PUBLIC.includes(`GET ${path} 200`)
      ? []
      : [path],
  )
  const kept: string[] = []
  for (const path of reads) {
    const query = path === '/v1/audit/export' ? '?format=jsonl' : ''
    const { status, headers } = await api.call({ path: `${path}${query}`, token: api.operator })
    if (status === 200 && headers.get('cache-control') !== 'no-store') kept.push(path)
  }

  expect(reads.length).toBeGreaterThan(8)
  expect(kept).toEqual(['/log/checkpoint'])
})

test('a wrong method is answered with those that work', async () => {
  const answer = await api.call({ method: 'DELETE', path: '/v1/messages', token: api.operator })

  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
})

test('the OpenAPI document is valid', async () => {
  const { json } = await api.call({ path: '/openapi.json' })
  const validator = new Validator()

  const { valid, errors } = await validator.validate(json)

  expect([valid, errors]).toEqual([true, undefined])
  expect((json as unknown as OpenApi).openapi).toBe('3.1.0')
})

test('what each pattern of a request asks for is said in words', async () => {
  const { json } = await api.call({ path: '/openapi.json' })
  const operations = Object.values((json as unknown as OpenApi).paths).flatMap(Object.values)
  const requests = operations.map(({ parameters, requestBody }: Record<string, unknown>) =>
    JSON.stringify([parameters, requestBody]),
  )
  const patterns = new Set(
    requests
      .flatMap((text) => [...text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)])
      .map(([, quoted = '""']) => quoted),
  )
  expect(patterns.size).toBeGreaterThan(6)

  for (const each of patterns) {
    const pattern = JSON.parse(each) as string
    const complaint = { keyword: 'pattern', instancePath: '/x', params: { pattern } }
    const { detail } = failureOf(Object.assign(new Error(), { validation: [complaint] }))
    expect([pattern, detail]).toEqual([pattern, expect.stringMatching(/^x must be /)])
    expect(detail).not.toContain(pattern)
  }
})

test('every route that is listed answers, and none but the public ones without a token', async () => {
  const { json } = await api.call({ path: '/openapi.json' })
  const routes = Object.entries((json as unknown as OpenApi).paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => ({ method: method.toUpperCase(), path })),
  )

  const answered: string[] = []
  for (const { method, path } of routes) {
    const call = { method: method as 'GET', path: path.replaceAll(/\{[^}]+\}/g, 'x') }
    const { status } = await api.call(call)
    if (status !== 401) answered.push(`${method} ${path} ${status}`)
  }
  expect(answered.sort()).toEqual(PUBLIC)
  expect(routes.length).toBeGreaterThan(25)
})

test('the page of /docs loads only what the gateway serves, as its policy allows', async () => {
  const page = await api.call({ path: '/docs/' })
  const policy = page.headers.get('content-security-policy') ?? ''
  const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '')

  expect(policy).toContain("script-src 'self';")
  expect(page.text).not.toMatch(/<script>|<script [^>]*>[^<\s]|\son[a-z]+=/)
  expect(assets.length).toBeGreaterThan(4)
  for (const asset of assets) {
    const url = new URL(asset, `${api.suite.gatewayUrl}/docs/`)
    expect(url.origin).toBe(api.suite.gatewayUrl)
    expect((await fetch(url)).status).toBe(200)
  }
})

test('metrics name routes, never ids', async () => {
  const id = '01900000-0000-7000-8000-000000000000'
  await api.call({ path: `/v1/messages/${id}?tenantId=nobody`, token: api.operator })
  await api.call({ path: `/v1/nothing/${id}` })

  const { text } = await api.call({ path: '/metrics', token: api.operator })

  expect(text).toMatch(
    /gateway_http_requests_total\{method="GET",route="\/v1\/messages\/:messageId",status="404"\} 1/,
  )
  expect(text).toMatch(/gateway_problems_total\{code="bridge.message-not-found"\} 1/)
  expect(text).not.toContain(id)
})

const PUBLIC = [
  'GET /healthz 200',
  'GET /openapi.json 200',
  'GET /readyz 200',
  'GET /v1/audit/key 200',
  'GET /verify 200',
]
