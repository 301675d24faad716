import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openAdmin, eventually } from '@mumega/testkit'
import {
  givenAgent,
  givenAgentToken,
  givenMessage,
  givenTenant,
  isWaiting,
  openRows,
  startApi,
  type Api,
  type Rows,
} from './given.ts'
import { openSlowRequest } from './slow-request.ts'

let api: Api
let rows: Rows
let tenantId: string
let ada: string

beforeAll(async () => {
  api = await startApi()
  rows = openRows(api)
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
}, 120_000)

afterAll(async () => {
  await rows.close()
  await api.stop()
})

interface GivenToken {
  tokenId: string
  secret: string
}

async function givenOperator(): Promise<GivenToken> {
  const body = {
    kind: 'operator',
    scopes: ['tenants:write', 'tokens:write', 'agents:write', 'messages:send'],
  }
  const made = await api.call({ method: 'POST', path: '/v1/tokens', token: api.operator, body })
  return made.json as unknown as GivenToken
}

async function revoke(tokenId: string): Promise<void> {
  const path = `/v1/tokens/${tokenId}`
  expect((await api.call({ method: 'DELETE', path, token: api.operator })).status).toBe(200)
}

test.each([
  ['makes no token', '/v1/tokens', { kind: 'operator', scopes: ['tokens:write'] }],
  ['makes no tenant', '/v1/tenants', { tenantId: 'too-late', name: 'Too late' }],
  ['makes no agent', '/v1/tenants/$tenant/agents', { name: 'late', scopes: ['messages:send'] }],
])('a token that is revoked while its request is on the way %s', async (_what, path, body) => {
  const { tokenId, secret } = await givenOperator()
  const bound = path.replace('$tenant', tenantId)
  const slow = await openSlowRequest(api.suite.gatewayUrl, { path: bound, token: secret, body })
  await revoke(tokenId)
  const before = await rows.count()

  const answer = await slow.finish()

  expect([answer.status, answer.code]).toEqual([401, 'gateway.token-revoked'])
  expect(await rows.count()).toEqual(before)
})

test('an agent whose token is revoked while its message is on the way sends nothing', async () => {
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'sender' })
  const body = { to: 'ada', text: 'too late' }
  const path = '/v1/messages'
  const slow = await openSlowRequest(api.suite.gatewayUrl, { path, token: secret, body })
  await revoke(tokenId)
  const before = await rows.count()

  const answer = await slow.finish()

  expect([answer.status, answer.code]).toEqual([401, 'gateway.token-revoked'])
  expect(await rows.count()).toEqual(before)
})

test.each([
  ['token', 'POST', '/v1/tokens', { kind: 'operator', scopes: ['tokens:write'] }],
  ['tenant', 'POST', '/v1/tenants', { tenantId: 'racing', name: 'Racing' }],
  ['revocation', 'DELETE', '/v1/tokens/$other', undefined],
] as const)(
  'a revocation that commits first lets its token make no %s any more',
  async (...row) => {
    const [, method, path, body] = row
    const { tokenId, secret } = await givenOperator()
    const other = await givenOperator()
    const before = await rows.count()
    const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 2 })
    const revoking = await admin.transaction()
    // Only this transaction's triggers are off: nothing but the row and its lock matters here.
    await revoking.raw(`set local session_replication_role = replica`)
    await revoking.raw(`update gateway.tokens set revoked_at = now() where token_id = ?`, [tokenId])

    const bound = path.replace('$other', other.tokenId)
    const call = { method, path: bound, token: secret, ...(body === undefined ? {} : { body }) }
    let isAnswered = false
    const answering = api.call(call).finally(() => (isAnswered = true))
    await eventually(async () => isAnswered || (await isWaiting(admin)), { what: 'it to wait' })
    await revoking.commit()
    const answer = await answering
    await admin.destroy()

    expect([answer.status, answer.code]).toEqual([401, 'gateway.token-revoked'])
    expect(await rows.count()).toEqual({ ...before, revoked: Number(before['revoked']) + 1 })
  },
)

test('two operators who revoke each other at once end with one of them revoked', async () => {
  const [one, two] = [await givenOperator(), await givenOperator()]
  const revokeBy = (by: GivenToken, whom: GivenToken) =>
    api.call({ method: 'DELETE', path: `/v1/tokens/${whom.tokenId}`, token: by.secret })

  const answers = await Promise.all([revokeBy(one, two), revokeBy(two, one)])

  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401])
})

test('an asker whose token is revoked is told so at once, and gets no answer', async () => {
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'asker' })
  const oracle = await givenAgent(api, tenantId, 'oracle')
  const body = { to: 'oracle', text: 'What is it?', timeoutSeconds: 60 }
  const asking = api.call({ method: 'POST', path: '/v1/asks', token: secret, body })
  await questionIn(oracle)

  await revoke(tokenId)
  const answer = await asking

  // Nobody has answered, and the deadline is a minute off: only the revocation can have ended it.
  expect([answer.status, answer.code]).toEqual([401, 'gateway.token-revoked'])
})

test.each([
  ['receipt of a message', '/v1/messages/$id/receipt'],
  ['receipt', '/v1/audit/receipts/bridge/$id'],
  ['disclosure', '/v1/audit/receipts/bridge/$id/disclosure'],
])('a %s that is read when its token is revoked is not answered', async (_what, path) => {
  const { tokenId, secret } = await givenAgentToken(api, {
    tenantId,
    name: `reader-${path.length}`,
  })
  const id = await givenMessage(api, { token: secret, to: 'ada', text: 'mine' })
  const asked = { path: path.replace('$id', id), token: secret }
  await eventually(async () => (await api.call(asked)).status === 200, { what: 'the entry' })
  const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 2 })
  const reading = await admin.transaction()
  await reading.raw('lock table audit_ledger.event_keys in access exclusive mode')

  const answering = api.call(asked)
  await eventually(() => isWaiting(admin, 'mumega_audit_ledger'), { what: 'it to wait' })
  await revoke(tokenId)
  await reading.commit()
  const answer = await answering
  await admin.destroy()

  expect([answer.status, answer.code]).toEqual([401, 'gateway.token-revoked'])
})

async function questionIn(token: string): Promise<string> {
  return eventually(
    async () => {
      const { json } = await api.call({ path: '/v1/inbox', token })
      const [first] = json['messages'] as { messageId: string }[]
      return first?.messageId
    },
    { what: 'the question to arrive' },
  )
}

test('a stream writes no message of a page it has read once its token is revoked', async () => {
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'slow' })
  const total = 300
  const text = 'x'.repeat(16_000)
  for (let sent = 0; sent < total; sent += 10) {
    const some = Array.from({ length: 10 }, () =>
      givenMessage(api, { token: ada, to: 'slow', text }),
    )
    await Promise.all(some)
  }
  const { hostname, port } = new URL(api.suite.gatewayUrl)
  const socket = connect(Number(port), hostname)
  socket.pause()
  socket.write(
    `GET /v1/inbox/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\n\r\n`,
  )
  let blockedAt = 0
  let looks = 0
  await eventually(
    async () => {
      const now = await written()
      looks = now === blockedAt ? looks + 1 : 0
      blockedAt = now
      return now > 0 && looks === 10
    },
    { what: 'the socket to be full' },
  )

  await revoke(tokenId)
  const before = await written()
  let received = ''
  socket.on('data', (chunk: Buffer) => (received = (received + chunk.toString()).slice(-2_000)))
  socket.resume()
  await eventually(async () => received.includes('event: end'), { what: 'the end' })
  socket.destroy()

  expect(received).toContain('"code":"gateway.token-revoked"')
  expect(before).toBeLessThan(total)
  expect((await written()) - before).toBeLessThanOrEqual(1)
}, 90_000)

/** How many messages the gateway has written to event streams. */
async function written(): Promise<number> {
  const { text } = await api.call({ path: '/metrics', token: api.operator })
  return Number(/^gateway_inbox_events_total (\d+)$/m.exec(text)?.[1] ?? 0)
}

test('who waits for an answer when the gateway stops is told to ask again', async () => {
  const asker = await givenAgent(api, tenantId, 'patient')
  const silent = await givenAgent(api, tenantId, 'silent')
  const ask = () =>
    api.call({
      method: 'POST',
      path: '/v1/asks',
      token: asker,
      body: { to: 'silent', text: 'Are you there?', timeoutSeconds: 60 },
      headers: { 'idempotency-key': 'stop-1' },
    })
  const asking = ask()
  const replyTo = await questionIn(silent)

  process.kill(api.suite.pid('gateway'), 'SIGTERM')
  const answer = await asking

  expect([answer.status, answer.code]).toEqual([503, 'gateway.stopping'])
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  await api.suite.kill('gateway')
  await api.suite.restart('gateway')
  const again = ask()
  const body = { to: 'patient', text: 'Yes.', replyTo }
  await api.call({ method: 'POST', path: '/v1/messages', token: silent, body })
  expect((await again).json).toMatchObject({ answered: true, answer: { text: 'Yes.' } })
}, 60_000)
