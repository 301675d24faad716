import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connect } from 'node:net'
import { eventually } from '@mumega/testkit'
import { givenChild } from './delegating.ts'
import { areOpen, openEventStream, type EventStream } from './event-stream.ts'
import {
  givenAgent,
  givenAgentToken,
  givenMessage,
  givenTenant,
  startApi,
  type Api,
} from './given.ts'

const STALL_MS = 1_000
// Long enough that nothing is found only because a stream looked by itself.
const KEEP_ALIVE_MS = 4_000

let api: Api
let tenantId: string
let ada: string

beforeAll(async () => {
  api = await startApi({
    MUMEGA_STREAM_KEEP_ALIVE_MS: String(KEEP_ALIVE_MS),
    MUMEGA_STREAM_STALL_MS: String(STALL_MS),
    MUMEGA_STREAMS_PER_TOKEN_MAX: '2',
  })
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

function open(
  token: string,
  { after, lastEventId }: { after?: number; lastEventId?: string } = {},
) {
  const query = after === undefined ? '' : `?after=${after}`
  return openEventStream(`${api.suite.gatewayUrl}/v1/inbox/stream${query}`, {
    authorization: `Bearer ${token}`,
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  })
}

async function nextText(stream: EventStream): Promise<string> {
  const event = await stream.next()
  return String((JSON.parse(event?.data ?? '{}') as { text?: string }).text)
}

test('a message reaches an open stream at once', async () => {
  const bob = await givenAgent(api, tenantId, 'bob')
  const stream = await open(bob)
  await stream.nextAny()

  const messageId = await givenMessage(api, { token: ada, to: 'bob', text: 'line 1\nline 2' })

  // Any comment would say that the stream had slept until its own next look.
  const event = await stream.nextAny()
  expect([event?.id, event?.event]).toEqual(['1', 'message'])
  expect(JSON.parse(event?.data ?? '')).toMatchObject({
    position: 1,
    messageId,
    from: 'ada',
    text: 'line 1\nline 2',
  })
  stream.close()
})

test('a resumed stream goes on after the last event, without a gap or a repetition', async () => {
  const cyd = await givenAgent(api, tenantId, 'cyd')
  for (const text of ['1', '2', '3']) await givenMessage(api, { token: ada, to: 'cyd', text })
  const first = await open(cyd)
  const seen = [await nextText(first), await nextText(first)]
  first.close()
  await givenMessage(api, { token: ada, to: 'cyd', text: '4' })

  const second = await open(cyd, { lastEventId: '2' })
  seen.push(await nextText(second), await nextText(second))
  second.close()
  const third = await open(cyd, { after: 3 })

  expect(seen).toEqual(['1', '2', '3', '4'])
  expect(await nextText(third)).toBe('4')
  third.close()
})

test('hundreds of messages that wait are delivered in order', async () => {
  const dan = await givenAgent(api, tenantId, 'dan')
  const texts = Array.from({ length: 130 }, (_, index) => `message ${index}`)
  for (const text of texts) await givenMessage(api, { token: ada, to: 'dan', text })

  const stream = await open(dan)
  const seen: string[] = []
  while (seen.length < texts.length) seen.push(await nextText(stream))

  expect(seen).toEqual(texts)
  stream.close()
})

test('an open stream ends at once when its token is revoked, and says so', async () => {
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'eve' })
  const stream = await open(secret)
  await stream.nextAny()

  await api.call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token: api.operator })
  const last = await stream.nextAny()

  expect([last?.event, JSON.parse(last?.data ?? '{}')]).toEqual([
    'end',
    { code: 'gateway.token-revoked', detail: expect.any(String) },
  ])
  expect(await stream.next()).toBeUndefined()
})

test('a quiet stream is kept alive', async () => {
  const fay = await givenAgent(api, tenantId, 'fay')
  const stream = await open(fay)
  await stream.nextAny()

  expect(await stream.nextAny()).toEqual({ comment: 'keep-alive' })
  stream.close()
})

test('a token has a bounded number of streams, and a closed one makes room', async () => {
  const gil = await givenAgent(api, tenantId, 'gil')
  const streams = [await open(gil), await open(gil)]

  const third = await api.call({ path: '/v1/inbox/stream', token: gil })
  expect([third.status, third.code]).toEqual([429, 'gateway.too-many-streams'])
  expect(third.headers.get('retry-after')).toBe('1')

  streams[0]?.close()
  const reopened = await eventually(
    async () => {
      const stream = await open(gil)
      if (stream.status !== 200) stream.close()
      return stream.status === 200 && stream
    },
    { what: 'room for a stream' },
  )
  reopened.close()
  streams[1]?.close()
})

test('a token gets no more streams by delegating', async () => {
  const jon = await givenAgent(api, tenantId, 'jon')
  const child = await givenChild(api, jon, { scopes: ['messages:read', 'messages:send'] })
  const grandchild = await givenChild(api, child.secret, { scopes: ['messages:read'] })
  const streams = [await open(child.secret), await open(grandchild.secret)]

  const more = await api.call({ path: '/v1/inbox/stream', token: jon })

  expect([more.status, more.code]).toEqual([429, 'gateway.too-many-streams'])
  for (const stream of streams) stream.close()
})

test('a reader that takes nothing is cut off, and told why when it reads on', async () => {
  const hal = await givenAgent(api, tenantId, 'hal')
  // Six bytes each in JSON: together more than the 10 MB that Linux buffers on a connection.
  const text = '\u0001'.repeat(10_000)
  for (let batch = 0; batch < 15; batch += 1) {
    const order = { token: ada, to: 'hal', text }
    await Promise.all(Array.from({ length: 20 }, () => givenMessage(api, order)))
  }
  const { hostname, port } = new URL(api.suite.gatewayUrl)
  const socket = connect(Number(port), hostname)
  socket.write(
    `GET /v1/inbox/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
      `Authorization: Bearer ${hal}\r\n\r\n`,
  )
  socket.pause()

  await areOpen(api, 1)
  await areOpen(api, 0)
  let received = ''
  socket.on('data', (chunk) => (received += chunk.toString()))
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))

  expect(received).toContain('"code":"gateway.slow-reader"')
  expect(received.match(/^id: /gm)?.length).toBeLessThan(300)
}, 60_000)

test('streams end with an event when the gateway stops', async () => {
  const ida = await givenAgent(api, tenantId, 'ida')
  const stream = await open(ida)
  await stream.nextAny()

  process.kill(api.suite.pid('gateway'), 'SIGTERM')
  const last = await stream.next()

  expect([last?.event, JSON.parse(last?.data ?? '{}')]).toEqual([
    'end',
    { code: 'gateway.stopping', detail: expect.stringContaining('Last-Event-ID') },
  ])
})
