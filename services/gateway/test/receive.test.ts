import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { areOpen, openEventStream } from './event-stream.ts'
import {
  givenAgent,
  givenAgentToken,
  givenMessage,
  givenTenant,
  startApi,
  type Answer,
  type Api,
} from './given.ts'

let api: Api
let tenantId: string
let ada: string

beforeAll(async () => {
  // Longer than the test: nothing is found only because a request looked by itself.
  api = await startApi({
    MUMEGA_STREAM_KEEP_ALIVE_MS: '60000',
    MUMEGA_STREAMS_PER_TOKEN_MAX: '2',
  })
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

function receive(token: string, body: Record<string, unknown>): Promise<Answer> {
  return api.call({ method: 'POST', path: '/v1/inbox/receive', token, body })
}

const messagesOf = ({ json }: Answer) => json['messages'] as Record<string, unknown>[]

test('who waits for mail is answered as soon as it comes, by either way of asking', async () => {
  const bob = await givenAgent(api, tenantId, 'bob')
  const waiting = [
    receive(bob, { body: 'laptop', waitSeconds: 60 }),
    api.call({ path: '/v1/inbox?waitSeconds=60', token: bob }),
  ]
  await areOpen(api, 2)
  const messageId = await givenMessage(api, { token: ada, to: 'bob', text: 'now' })

  const [leased, listed] = await Promise.all(waiting)
  expect(leased?.json).toMatchObject({ messages: [{ messageId, text: 'now', attempt: 1 }] })
  expect(listed?.json).toMatchObject({ messages: [{ messageId, text: 'now' }] })
  await areOpen(api, 0)
})

test('who waits is answered with nothing when the time is over', async () => {
  const cyd = await givenAgent(api, tenantId, 'cyd')
  const answer = await receive(cyd, { body: 'laptop', waitSeconds: 1 })
  expect([answer.status, answer.json]).toEqual([200, { messages: [], more: false }])
})

test('a wait ends with its token, and there are so many of a token at most', async () => {
  const { secret, tokenId } = await givenAgentToken(api, { tenantId, name: 'dan' })
  const waiting = [1, 2].map(() => receive(secret, { body: 'laptop', waitSeconds: 60 }))
  await areOpen(api, 2)
  const third = await receive(secret, { body: 'laptop', waitSeconds: 60 })
  expect([third.status, third.code]).toEqual([429, 'gateway.too-many-streams'])

  await api.call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token: api.operator })

  const ended = await Promise.all(waiting)
  expect(ended.map(({ status, code }) => [status, code])).toEqual([
    [401, 'gateway.token-revoked'],
    [401, 'gateway.token-revoked'],
  ])
})

test('a caller that goes away leaves no wait behind', async () => {
  const eve = await givenAgent(api, tenantId, 'eve')
  const abort = new AbortController()
  const waiting = fetch(`${api.suite.gatewayUrl}/v1/inbox?waitSeconds=60`, {
    headers: { authorization: `Bearer ${eve}` },
    signal: abort.signal,
  })
  await areOpen(api, 1)
  abort.abort()
  await expect(waiting).rejects.toThrow()
  await areOpen(api, 0)
})

test('a body is streamed its mail under a lease, from the place that is kept here', async () => {
  const fay = await givenAgent(api, tenantId, 'fay')
  const url = `${api.suite.gatewayUrl}/v1/inbox/stream?body=laptop`
  const open = () => openEventStream(url, { authorization: `Bearer ${fay}` })
  const first = await open()
  const one = await givenMessage(api, { token: ada, to: 'fay', text: 'one' })
  const event = await first.next()
  expect(JSON.parse(event?.data ?? '')).toMatchObject({ messageId: one, attempt: 1 })
  first.close()

  const second = await open()
  const two = await givenMessage(api, { token: ada, to: 'fay', text: 'two' })
  const next = await second.next()
  expect(JSON.parse(next?.data ?? '')).toMatchObject({ messageId: two, attempt: 1 })

  // What becomes a dead letter and is delivered again comes to the stream that is open.
  const path = `/v1/inbox/${two}/reject`
  const rejected = await api.call({ method: 'POST', path, token: fay, body: { reason: 'later' } })
  expect(rejected.status).toBe(200)
  const again = `/v1/tenants/${tenantId}/undelivered/${two}/fay/redeliver`
  const redelivered = await api.call({ method: 'POST', path: again, token: api.operator })
  expect(redelivered.status).toBe(200)
  const last = await second.next()
  expect(JSON.parse(last?.data ?? '')).toMatchObject({ messageId: two, attempt: 1 })
  second.close()
})

test('a stream has either a body, whose place is kept, or a position', async () => {
  const answer = await api.call({ path: '/v1/inbox/stream?body=laptop&after=1', token: ada })
  expect([answer.status, answer.code, answer.json['field']]).toEqual([
    400,
    'gateway.invalid-request',
    'after',
  ])
})

test('a sender and an operator see what became of a message, from the first to the last', async () => {
  const gil = await givenAgent(api, tenantId, 'gil')
  const messageId = await givenMessage(api, { token: ada, to: 'gil', text: 'work' })
  const state = async () => {
    const { json } = await api.call({ path: `/v1/messages/${messageId}`, token: ada })
    return (json['deliveries'] as Record<string, unknown>[])[0]
  }
  expect(await state()).toMatchObject({ status: 'queued' })
  expect(messagesOf(await receive(gil, { body: 'laptop' }))).toMatchObject([{ messageId }])
  expect(await state()).toMatchObject({ status: 'fetched', attempts: 1 })
  const held = await api.call({
    method: 'POST',
    path: `/v1/inbox/${messageId}/hold`,
    token: gil,
    body: { body: 'laptop', seconds: 0 },
  })
  expect(held.status).toBe(200)
  expect(messagesOf(await receive(gil, { body: 'laptop' }))).toMatchObject([{ attempt: 2 }])
  const rejection = { method: 'POST' as const, path: `/v1/inbox/${messageId}/reject`, token: gil }
  await api.call({ ...rejection, body: { reason: 'no such file' } })
  expect(await state()).toMatchObject({
    status: 'dead-lettered',
    reason: 'rejected: no such file',
    attempts: 2,
  })

  const path = `/v1/tenants/${tenantId}/undelivered`
  const listed = await api.call({ path, token: api.operator })
  expect(messagesOf(listed)).toMatchObject([
    { messageId, from: 'ada', to: 'gil', reason: 'rejected: no such file' },
  ])
  expect(JSON.stringify(listed.json)).not.toContain('work')
  const full = await api.call({ path: `/v1/inbox/${messageId}`, token: gil })
  expect(full.json).toMatchObject({ messageId, text: 'work' })
  const late = await api.call({ method: 'POST', path: `/v1/inbox/${messageId}/ack`, token: gil })
  expect(late.status).toBe(200)
  expect(await state()).toMatchObject({ status: 'acknowledged' })
  expect((await api.call({ path, token: api.operator })).json).toMatchObject({ messages: [] })
})

test('a body that is gone is forgotten over HTTP', async () => {
  const hal = await givenAgent(api, tenantId, 'hal')
  await receive(hal, { body: 'laptop' })
  const bodies = async () => (await api.call({ path: '/v1/bodies', token: hal })).json['bodies']
  expect(await bodies()).toMatchObject([{ body: 'laptop', cursor: 0, leased: 0 }])
  const forget = { method: 'DELETE' as const, path: '/v1/bodies/laptop', token: hal }
  expect((await api.call(forget)).status).toBe(200)
  expect((await api.call(forget)).status).toBe(200)
  expect(await bodies()).toEqual([])
})
