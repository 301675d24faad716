import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { eventually } from '@mumega/testkit'
import { givenAgent, givenAgentToken, givenTenant, startApi, type Api, type Call } from './given.ts'
import { AGENTS_TOOLS as TOOLS, callTool, mcpClient } from './given-mcp.ts'
import { plainCall } from './slow-request.ts'

let api: Api
let tenantId: string
let secrets: { ada: string; bob: string }
let ada: Client
let bob: Client

beforeAll(async () => {
  api = await startApi()
  tenantId = await givenTenant(api)
  secrets = {
    ada: await givenAgent(api, tenantId, 'ada'),
    bob: await givenAgent(api, tenantId, 'bob'),
  }
  ada = await mcpClient(api.suite.gatewayUrl, secrets.ada)
  bob = await mcpClient(api.suite.gatewayUrl, secrets.bob)
}, 120_000)

afterAll(async () => {
  await Promise.all([ada.close(), bob.close()])
  await api.stop()
})

async function toolNames(client: Client): Promise<string[]> {
  return (await client.listTools()).tools.map(({ name }) => name).sort()
}

/** A JSON-RPC message by bare HTTP. */
async function post(body: unknown, call: Partial<Call> = {}) {
  return api.call({
    ...{ method: 'POST', path: '/mcp', token: secrets.ada, body },
    ...call,
    headers: { accept: 'application/json, text/event-stream', ...call.headers },
  })
}

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' }

test('the official client sends, reads and acknowledges by tools, and each result fits its schema', async () => {
  const sent = await callTool(ada, 'send', { to: 'bob', text: 'Grüße 🌍', correlationId: 'c-1' })
  expect(sent.json).toEqual({ messageId: expect.any(String), status: 'queued' })
  const { messageId } = sent.json

  const inbox = await callTool(bob, 'inbox')
  expect(inbox.json['messages']).toMatchObject([
    { messageId, from: 'ada', text: 'Grüße 🌍', correlationId: 'c-1' },
  ])
  const acked = await callTool(bob, 'ack', { messageId })
  expect(await callTool(bob, 'ack', { messageId })).toEqual(acked)
  expect((await callTool(bob, 'inbox')).json['messages']).toEqual([])
  const whole = await callTool(bob, 'inbox', { unreadOnly: false })
  expect(whole.json['messages']).toMatchObject([{ messageId }])

  expect((await callTool(ada, 'whoami')).json).toMatchObject({ tenantId, agent: 'ada' })
  expect((await callTool(ada, 'heartbeat', { status: 'idle' })).json).toMatchObject({
    agent: 'ada',
  })
  const peers = await callTool(bob, 'peers', { limit: 1 })
  expect(peers.json).toMatchObject({ agents: [{ name: 'ada', lastSeenAt: expect.any(String) }] })
  expect((await callTool(bob, 'peers', { after: 'ada' })).json).toMatchObject({
    agents: [{ name: 'bob' }],
  })
})

test('each body of an agent reads every message by its own place, and waits for the next one', async () => {
  const secret = await givenAgent(api, tenantId, 'eve')
  const eve = await mcpClient(api.suite.gatewayUrl, secret)
  const asBody = async (body: string, more: object = {}) =>
    (await callTool(eve, 'inbox', { body, ...more })).json
  await callTool(ada, 'send', { to: 'eve', text: 'one' })
  const one = { messages: [{ text: 'one', attempt: 1 }] }
  expect(await asBody('laptop')).toMatchObject(one)
  expect(await asBody('laptop')).toMatchObject({ messages: [] })
  expect(await asBody('server')).toMatchObject(one)
  const waiting = asBody('laptop', { waitSeconds: 20 })
  await callTool(ada, 'send', { to: 'eve', text: 'two' })
  expect(await waiting).toMatchObject({ messages: [{ text: 'two' }] })
  expect((await asBody('laptop', { after: 1 }))['detail']).toMatch(/after/)
  await eve.close()
})

test('an asker gets the answer of the asked, and learns when none came in time', async () => {
  const asking = callTool(ada, 'ask', { to: 'bob', text: 'How many?', timeoutSeconds: 60 })
  const question = await eventually(
    async () => {
      const { json } = await callTool(bob, 'inbox')
      return (json['messages'] as { kind: string; messageId: string }[]).find(
        ({ kind }) => kind === 'ask',
      )
    },
    { what: 'the question' },
  )
  await callTool(bob, 'send', { to: 'ada', text: 'Three.', replyTo: question.messageId })

  expect((await asking).json).toMatchObject({ answered: true, answer: { text: 'Three.' } })
  const unanswered = await callTool(ada, 'ask', { to: 'bob', text: 'Why?', timeoutSeconds: 1 })
  expect(unanswered.json).toEqual({ answered: false, messageId: expect.any(String) })
})

test('with the same key a call is made once, also when it comes by HTTP the second time', async () => {
  const message = { to: 'bob', text: 'once' }
  const keyed = { ...message, idempotencyKey: 'key-1' }
  const first = await callTool(ada, 'send', keyed)
  const second = await callTool(ada, 'send', keyed)
  const third = await api.call({
    ...{ method: 'POST', path: '/v1/messages', token: secrets.ada, body: message },
    headers: { 'idempotency-key': 'key-1' },
  })
  const other = await callTool(ada, 'send', { ...keyed, text: 'another' })

  expect(second).toEqual(first)
  expect(third.json).toEqual(first.json)
  expect(other).toMatchObject({ isError: true, json: { code: 'gateway.idempotency-key-reused' } })
  const once = await callTool(ada, 'broadcast', { text: 'all', idempotencyKey: 'key-2' })
  expect(await callTool(ada, 'broadcast', { text: 'all', idempotencyKey: 'key-2' })).toEqual(once)
})

test.each([
  ['an unknown argument', 'send', { to: 'bob', text: 'a', from: 'eve' }, 'from'],
  ['a missing argument', 'send', { to: 'bob' }, 'text'],
  ['a name that is none', 'send', { to: 'Bob!', text: 'a' }, 'to'],
  ['a page that is too large', 'inbox', { limit: 101 }, 'limit'],
  ['a number that is a text', 'inbox', { after: '1' }, 'after'],
  [
    'a key that is too long',
    'broadcast',
    { text: 'a', idempotencyKey: 'k'.repeat(256) },
    'idempotencyKey',
  ],
  ['a status that is none', 'heartbeat', { status: 'fine' }, 'status'],
])('a call with %s is refused as a result that names the field', async (...row) => {
  const [, tool, args, field] = row
  const refused = await callTool(ada, tool, args)

  expect(refused).toMatchObject({ isError: true, json: { code: 'gateway.invalid-request', field } })
  expect(refused.json['detail']).toMatch(new RegExp(`^${field} `))
})

test.each([
  ['an agent of another tenant', 'send', { to: 'stranger', text: 'a' }, 'bridge.agent-not-found'],
  ['an agent that never was', 'send', { to: 'nobody', text: 'a' }, 'bridge.agent-not-found'],
  ['too much text', 'send', { to: 'bob', text: 'x'.repeat(16_385) }, 'bridge.text-too-large'],
  [
    'another’s heartbeat',
    'heartbeat',
    { agent: 'bob', status: 'idle' },
    'bridge.identity-binding-mismatch',
  ],
])('what the bridge refuses of a call with %s is a result with its code', async (...row) => {
  const [, tool, args, code] = row
  const elsewhere = await givenTenant(api)
  await givenAgent(api, elsewhere, 'stranger')

  expect(await callTool(ada, tool, args)).toMatchObject({ isError: true, json: { code } })
})

test('the same words for an agent of another tenant and for one that never was', async () => {
  const elsewhere = await givenTenant(api)
  await givenAgent(api, elsewhere, 'foreign')
  const [foreign, absent] = await Promise.all(
    ['foreign', 'lacking'].map((to) => callTool(ada, 'send', { to, text: 'a' })),
  )

  expect(foreign?.json['detail']).toBe(
    String(absent?.json['detail']).replaceAll('lacking', 'foreign'),
  )
})

test('a token sees and calls the tools that its scopes allow, and no others', async () => {
  expect(await toolNames(ada)).toEqual(TOOLS)
  const scopes = ['messages:read']
  const reader = await givenAgentToken(api, { tenantId, name: 'reader', scopes })
  const client = await mcpClient(api.suite.gatewayUrl, reader.secret)

  expect(await toolNames(client)).toEqual(['ack', 'inbox', 'whoami'])
  expect(await callTool(client, 'send', { to: 'bob', text: 'a' })).toMatchObject({
    isError: true,
    json: { code: 'gateway.scope-missing', scope: 'messages:send' },
  })
  await client.close()
  const operator = await mcpClient(api.suite.gatewayUrl, api.operator)
  expect(await toolNames(operator)).toEqual(['whoami'])
  await expect(callTool(operator, 'inbox')).rejects.toThrow(/There is no tool inbox/)
  await operator.close()
})

test('a token that is revoked is refused from the next message on, and ends a question at once', async () => {
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'shortlived' })
  const client = await mcpClient(api.suite.gatewayUrl, secret)
  const question = { to: 'bob', text: 'Still there?', timeoutSeconds: 120 }
  const asking = callTool(client, 'ask', question)
  await eventually(
    async () => {
      const { json } = await callTool(bob, 'inbox', { limit: 100 })
      return (json['messages'] as { from: string }[]).some(({ from }) => from === 'shortlived')
    },
    { what: 'the question' },
  )
  const path = `/v1/tokens/${tokenId}`
  expect((await api.call({ method: 'DELETE', path, token: api.operator })).status).toBe(200)

  expect(await asking).toMatchObject({ isError: true, json: { code: 'gateway.token-revoked' } })
  await expect(client.listTools()).rejects.toThrow(/token-revoked/)
  await client.close()
})

test.each([
  ['no token', undefined, 'gateway.token-missing'],
  ['a token that was never issued', `mmg_agent_${'a'.repeat(43)}`, 'gateway.token-unknown'],
])(
  'with %s it is answered 401 before a word of the message is read',
  async (_what, token, code) => {
    const answer = await post('{', { token })

    expect([answer.status, answer.code]).toEqual([401, code])
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
  },
)

test.each([
  ['no JSON', '{"jsonrpc"', 400, 'gateway.malformed-json'],
  ['a key twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, 'gateway.malformed-json'],
  ['nothing', '', 400, 'gateway.malformed-json'],
])('a body of %s is a problem that says so', async (...row) => {
  const [, body, ...told] = row
  const answer = await post(body)

  expect([answer.status, answer.code]).toEqual(told)
})

test.each([
  ['a batch', [LIST, LIST], -32_600],
  ['an empty batch', [], -32_600],
  ['another version', { ...LIST, jsonrpc: '1.0' }, -32_700],
  ['a method that is a number', { ...LIST, method: 7 }, -32_700],
  ['a text', 'hello', -32_700],
])('%s is refused as JSON-RPC does', async (_what, body, code) => {
  const answer = await post(typeof body === 'string' ? JSON.stringify(body) : body)

  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({ jsonrpc: '2.0', error: { code }, id: null })
})

test.each([
  ['a method that is not there', { ...LIST, method: 'tools/nothing' }, -32_601],
  [
    'a tool that is not there',
    { ...LIST, method: 'tools/call', params: { name: 'sudo' } },
    -32_602,
  ],
])('%s is an error of the protocol', async (_what, body, code) => {
  const answer = await post(body)

  expect(answer.status).toBe(200)
  expect(answer.json).toMatchObject({ id: 1, error: { code } })
})

test('there is no stream to open and no session to end', async () => {
  for (const method of ['GET', 'DELETE'] as const) {
    const answer = await api.call({ method, path: '/mcp', token: secrets.ada })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  }
  const notified = await post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  expect([notified.status, notified.text]).toEqual([202, ''])
})

test.each([
  ['Host', { host: 'evil.example' }],
  ['Host', { host: '127.0.0.1.evil.example' }],
  ['Origin', { origin: 'http://evil.example' }],
  ['Origin', { origin: 'null' }],
])('a browser that was led here by its %s %j is refused', async (field, headers) => {
  const { port } = new URL(api.suite.gatewayUrl)
  const host = `127.0.0.1:${port}`
  const answer = await plainCall(api.suite.gatewayUrl, {
    ...{ method: 'POST', path: '/mcp', body: Buffer.from(JSON.stringify(LIST)) },
    headers: {
      ...{ host, authorization: `Bearer ${secrets.ada}`, 'content-type': 'application/json' },
      ...headers,
    },
  })

  expect([answer.status, answer.code]).toEqual([403, 'gateway.host-not-allowed'])
  expect(answer.text).toContain(`"field":"${field}"`)
})

test('a page of this machine itself may speak to it', async () => {
  const { port } = new URL(api.suite.gatewayUrl)
  const answer = await post(LIST, { headers: { origin: `http://localhost:${port}` } })

  expect(answer.status).toBe(200)
})
