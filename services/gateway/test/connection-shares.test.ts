import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { startApi, type Api } from './given.ts'
import { readMetrics } from './read-metrics.ts'

const PER_ADDRESS = 6
const STRANGER = '127.0.0.2'

let api: Api
let opened: Socket[] = []

beforeAll(async () => {
  api = await startApi({ MUMEGA_CONNECTIONS_PER_ADDRESS_MAX: String(PER_ADDRESS) })
}, 120_000)

afterEach(() => {
  for (const socket of opened) socket.destroy()
  opened = []
})

afterAll(async () => {
  await api.stop()
})

/** A connection from this address that stays after its answer; undefined where it is closed. */
async function connectFrom(localAddress: string): Promise<Socket | undefined> {
  const { hostname, port } = new URL(api.suite.gatewayUrl)
  const socket = connect({ host: hostname, port: Number(port), localAddress })
  opened.push(socket)
  // A connection that is refused is reset.
  socket.on('error', () => undefined)
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  return new Promise((resolve) => {
    socket.once('data', () => resolve(socket))
    socket.once('close', () => resolve(undefined))
  })
}

async function figures() {
  const { text } = await api.call({ path: '/metrics', token: api.operator })
  const metrics = readMetrics(text)
  return {
    open: metrics.value('gateway_connections_open') ?? NaN,
    refused: metrics.value('gateway_connections_refused_total') ?? NaN,
  }
}

test('one address has its share of the connections, and leaves the others theirs', async () => {
  const before = await figures()
  const held: (Socket | undefined)[] = []
  for (let nth = 0; nth < PER_ADDRESS; nth += 1) held.push(await connectFrom(STRANGER))

  const beyond = [await connectFrom(STRANGER), await connectFrom(STRANGER)]
  const other = await connectFrom('127.0.0.3')

  expect(held.includes(undefined)).toBe(false)
  expect(beyond.every((socket) => socket === undefined)).toBe(true)
  expect(other === undefined).toBe(false)
  expect((await figures()).refused).toBe(before.refused + 2)
  expect((await figures()).open).toBeGreaterThan(PER_ADDRESS)

  // What has ended makes room, once.
  held[0]?.destroy()
  await eventually(() => connectFrom(STRANGER), { what: 'a connection in its place' })
  expect((await connectFrom(STRANGER)) === undefined).toBe(true)
})
