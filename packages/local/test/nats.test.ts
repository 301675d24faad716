import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connect, nkeyAuthenticator } from '@nats-io/transport-node'
import { findNatsServer } from '@mumega/local/nats-binary'
import { startNatsServer, type NatsServer } from '@mumega/local/nats'
import { newSeed, publicNkeyOf } from '@mumega/local/nkeys'
import { isAlive } from '@mumega/local/processes'
import { provisionBus } from '@mumega/local/provision'
import { eventually } from '@mumega/testkit'

const folder = mkdtempSync(join(tmpdir(), 'nats-'))
const adminSeed = newSeed()
const bridgeSeed = newSeed()
let options: Parameters<typeof startNatsServer>[0]
let server: NatsServer

beforeAll(async () => {
  const { path } = await findNatsServer()
  options = {
    program: path,
    dir: join(folder, 'data'),
    users: { bridge: publicNkeyOf(bridgeSeed) },
    adminPublicNkey: publicNkeyOf(adminSeed),
  }
  server = await startNatsServer(options)
  await provisionBus({ natsUrl: server.url, adminSeed })
}, 60_000)

afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

function connectWith(seed: string) {
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed))
  return connect({ servers: server.url, authenticator, reconnect: false })
}

test('a server that was killed comes back in its place with its streams', async () => {
  const { port } = server

  await server.kill()
  server = await startNatsServer({ ...options, port })

  expect(server.port).toBe(port)
  // A server that has just been started again may leave a first caller without an answer.
  const connection = await eventually(() => connectWith(adminSeed), { what: 'a connection' })
  const answer = await connection.request('$JS.API.STREAM.INFO.AUDIT')
  expect(answer.json()).toHaveProperty('config.subjects', ['aud.>'])
  await connection.close()
})

test('a server that a killed run left behind is stopped before the next starts', async () => {
  const left = server

  server = await startNatsServer(options)

  expect(isAlive(left.pid)).toBe(false)
})

test('who is no service of this installation cannot connect', async () => {
  await expect(connectWith(newSeed())).rejects.toThrow(/Authorization Violation/i)
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(
    /Authorization Violation/i,
  )
  await (await connectWith(bridgeSeed)).close()
})

test('a service cannot provision the streams, and is told so', async () => {
  await expect(provisionBus({ natsUrl: server.url, adminSeed: newSeed() })).rejects.toMatchObject({
    code: 'local.nats-refused',
  })
})

test('a program that is no nats-server fails with its own words', async () => {
  const dir = join(folder, 'other')

  await expect(startNatsServer({ ...options, dir, program: process.execPath })).rejects.toThrow(
    expect.objectContaining({ code: 'local.nats-failed' }),
  )
})
