import { mkdtempSync, rmSync, chmodSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Client } from 'pg'
import { freePort } from '@mumega/local/ports'
import { startPostgres, type Postgres } from '@mumega/local/postgres'
import { isAlive } from '@mumega/local/processes'

// A folder that only its owner may enter, as a clone in somebody's home.
const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
chmodSync(folder, 0o700)
const options = { dataDir: join(folder, 'data'), password: 'pass word/with:signs' }
let server: Postgres

beforeAll(async () => {
  server = await startPostgres(options)
  await query(server.adminUrl, 'create table kept (line text)')
}, 60_000)

afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

test('what was committed is there after the server was killed and started again in its place', async () => {
  await query(server.adminUrl, `insert into kept values ('before the crash')`)
  const { port } = server

  await server.kill()
  server = await startPostgres({ ...options, port })

  expect(server.port).toBe(port)
  expect(await query(server.adminUrl, 'select line from kept')).toContainEqual({
    line: 'before the crash',
  })
}, 60_000)

test('a server that a killed run left behind is stopped before the next starts', async () => {
  const left = server

  server = await startPostgres(options)

  expect(isAlive(left.pid)).toBe(false)
  expect(await query(server.adminUrl, 'select 1 as one')).toEqual([{ one: 1 }])
}, 60_000)

test('a pid file that names a stranger is no obstacle, and the stranger lives on', async () => {
  await server.stop()
  writeFileSync(join(options.dataDir, 'postmaster.pid'), `${process.ppid}\n`)

  server = await startPostgres(options)

  expect(isAlive(process.ppid)).toBe(true)
}, 60_000)

test('nobody gets in without the password or from another machine', async () => {
  const wrong = new URL(server.adminUrl)
  wrong.password = 'wrong'
  await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/)

  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  const address = new URL(server.adminUrl)
  address.hostname = outside?.address ?? '127.0.0.2'
  await expect(query(address.href, 'select 1')).rejects.toThrow(/ECONNREFUSED/)
})

test('a port that was asked for and is taken fails at once with the server’s own words', async () => {
  const port = await freePort()
  const squatter = createServer().listen(port, '127.0.0.1')

  const started = startPostgres({ ...options, dataDir: join(folder, 'second'), port })

  await expect(started).rejects.toThrow(/Address already in use/)
  await new Promise((resolve) => squatter.close(resolve))
}, 60_000)
