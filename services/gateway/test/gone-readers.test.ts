import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connect, type Socket } from 'node:net'
import type { Knex } from '@mumega/db'
import { openAdmin, eventually } from '@mumega/testkit'
import { areOpen } from './event-stream.ts'
import {
  givenAgent,
  givenAgentToken,
  givenMessage,
  givenTenant,
  isWaiting,
  startApi,
  type Api,
} from './given.ts'

const PER_TOKEN_MAX = 4

let api: Api
let admin: Knex
let tenantId: string
let ada: string

beforeAll(async () => {
  // Longer than the test: nothing is noticed only because a stream looked by itself.
  api = await startApi({
    MUMEGA_STREAM_KEEP_ALIVE_MS: '60000',
    MUMEGA_STREAMS_PER_TOKEN_MAX: String(PER_TOKEN_MAX),
  })
  admin = openAdmin(api.suite.database.adminUrl, { poolMax: 3 })
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
}, 120_000)

afterAll(async () => {
  await admin.destroy()
  await api.stop()
})

/** Sends these requests on one connection at once, and waits for no answer. */
function pipeline(token: string, paths: readonly string[]): Socket {
  const { hostname, port } = new URL(api.suite.gatewayUrl)
  const socket = connect(Number(port), hostname)
  const head = `Host: x\r\nAuthorization: Bearer ${token}\r\n\r\n`
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\n${head}`).join(''))
  return socket
}

/** Breaks the connection off; resolves when the gateway has answered what came after that. */
async function breakOff(socket: Socket): Promise<void> {
  socket.destroy()
  await api.call({ path: '/healthz' })
}

/** Holds what `sql` locks while `act` runs; resolves when `role` waits for it no more. */
async function whileWaiting(role: string, sql: string, act: () => Promise<void>): Promise<void> {
  const holder = await admin.transaction()
  await holder.raw(sql)
  await act()
  await holder.rollback()
  await eventually(async () => !(await isWaiting(admin, role)), { what: 'nobody to wait' })
}

const toWait = (role: string) => eventually(() => isWaiting(admin, role), { what: 'it to wait' })

const receive = (token: string) =>
  api.call({ method: 'POST', path: '/v1/inbox/receive', token, body: { body: 'laptop' } })

async function deliveryOf(messageId: string) {
  const { json } = await api.call({ path: `/v1/messages/${messageId}`, token: ada })
  return (json['deliveries'] as Record<string, unknown>[])[0]
}

test('a reader that goes while its stream is being opened leaves none, and gets no mail', async () => {
  const bob = await givenAgent(api, tenantId, 'bob')
  await receive(bob)
  await whileWaiting(
    'mumega_bridge',
    `select from bridge.bodies where agent = 'bob' for update`,
    async () => {
      const socket = pipeline(bob, ['/v1/inbox/stream?body=laptop'])
      await toWait('mumega_bridge')
      await breakOff(socket)
    },
  )
  await areOpen(api, 0)

  const messageId = await givenMessage(api, { token: ada, to: 'bob', text: 'for the living' })
  await areOpen(api, 0)
  expect(await deliveryOf(messageId)).toMatchObject({ status: 'queued', attempts: 0 })
  expect((await receive(bob)).json).toMatchObject({ messages: [{ messageId, attempt: 1 }] })
})

test('a stream behind another answer on its connection is refused, and all end with it', async () => {
  const { secret, tokenId } = await givenAgentToken(api, { tenantId, name: 'cyd' })
  const path = '/v1/inbox/stream?body=laptop'
  const gone = pipeline(secret, [path, path, path])
  await areOpen(api, 1)
  await breakOff(gone)
  await areOpen(api, 0)

  const kept = pipeline(secret, [path, path])
  let received = ''
  kept.on('data', (chunk) => (received += chunk.toString()))
  await eventually(async () => received.includes('retry: '), { what: 'the first to be open' })
  await api.call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token: api.operator })
  await eventually(async () => received.includes('"field":"connection"'), { what: 'the refusal' })
  expect(received.match(/^HTTP\/1.1 \d+/gm)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400'])
  kept.destroy()
})

test('a stream that is refused takes no mail', async () => {
  const dan = await givenAgent(api, tenantId, 'dan')
  const open = Array.from({ length: PER_TOKEN_MAX }, () => pipeline(dan, ['/v1/inbox/stream']))
  await areOpen(api, PER_TOKEN_MAX)
  const messageId = await givenMessage(api, { token: ada, to: 'dan', text: 'not yet' })

  const refused = await api.call({ path: '/v1/inbox/stream?body=laptop', token: dan })
  expect([refused.status, refused.code]).toEqual([429, 'gateway.too-many-streams'])
  expect(await deliveryOf(messageId)).toMatchObject({ attempts: 0 })
  expect((await receive(dan)).json).toMatchObject({ messages: [{ messageId, attempt: 1 }] })
  for (const socket of open) socket.destroy()
  await areOpen(api, 0)
})

test('requests that wait for mail end with the connection on which they came together', async () => {
  const eve = await givenAgent(api, tenantId, 'eve')
  const path = '/v1/inbox?waitSeconds=60'
  const socket = pipeline(eve, [path, path, path])
  await areOpen(api, 3)
  socket.destroy()
  await areOpen(api, 0)
})

test('a caller that goes before its wait for mail begins leaves none', async () => {
  const fay = await givenAgent(api, tenantId, 'fay')
  await whileWaiting('mumega_gateway', 'lock table gateway.tokens', async () => {
    const socket = pipeline(fay, ['/v1/inbox?waitSeconds=60'])
    await toWait('mumega_gateway')
    await breakOff(socket)
  })
  // Answered after what waited for the same table.
  expect((await api.call({ path: '/v1/whoami', token: fay })).status).toBe(200)
  await areOpen(api, 0)
})
