import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { openNote, parseVkey } from '@mumega/tlog/note'
import { decodeEntryBundle } from '@mumega/tlog/tiles'
import { givenAgent, givenTenant, openRows, startApi, type Api } from './given.ts'

let api: Api
let auditor: string
let size: number

beforeAll(async () => {
  api = await startApi()
  await givenTenant(api)
  const body = { kind: 'operator', scopes: ['log:read'] }
  const made = await api.call({
    method: 'POST',
    path: '/v1/tokens',
    token: api.operator,
    body,
  })
  auditor = String(made.json['secret'])
  const rows = openRows(api)
  size = await eventually(
    async () => {
      const { status, text } = await api.call({ path: '/log/checkpoint', token: auditor })
      const signed = Number(text.split('\n')[1])
      // Nothing is on its way that would make the log grow during a test.
      const quiet = await rows.db.raw<{ rows: unknown[] }>(
        `select where (select count(*) from audit_ledger.event_keys) = ?
            and not exists (select from gateway.outbox) and not exists (select from bridge.outbox)`,
        [status === 200 ? signed : -1],
      )
      return quiet.rows.length > 0 && signed
    },
    { what: 'a checkpoint over everything' },
  )
  await rows.close()
}, 120_000)

afterAll(async () => {
  await api.stop()
})

/** Bytes of a file of the log, as they come over the wire. */
async function read(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${api.suite.gatewayUrl}/log/${path}`, {
    headers: { authorization: `Bearer ${auditor}`, 'accept-encoding': 'identity', ...headers },
  })
}

/** The same without a client that unpacks. */
async function readPacked(path: string, accepted: string) {
  const headers = { authorization: `Bearer ${auditor}`, 'accept-encoding': accepted }
  return new Promise<{ encoding: string | undefined; bytes: Buffer }>((resolve, reject) => {
    request(`${api.suite.gatewayUrl}/log/${path}`, { headers }, (answer) => {
      const encoding = answer.headers['content-encoding']
      buffer(answer).then((bytes) => {
        resolve({ encoding, bytes })
      }, reject)
    })
      .on('error', reject)
      .end()
  })
}

test('an auditor reads checkpoint, tiles and bundles with the headers that a C2SP log sends', async () => {
  const checkpoint = await read('checkpoint')
  const tile = await read(`tile/0/000.p/${size}`)
  const bundle = await read(`tile/entries/000.p/${size}`)

  expect(checkpoint.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(checkpoint.headers.get('cache-control')).toBe('no-cache')
  const { text: vkey } = await api.call({ path: '/v1/audit/key' })
  expect(openNote(await checkpoint.text(), [parseVkey(vkey.trim())]).text).toContain(`\n${size}\n`)
  for (const answer of [tile, bundle]) {
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    expect(answer.headers.get('cache-control')).toBe('max-age=31536000, immutable')
  }
  expect((await tile.arrayBuffer()).byteLength).toBe(32 * size)
  const entries = decodeEntryBundle(Buffer.from(await bundle.arrayBuffer()), size)
  expect(entries.map((entry) => (JSON.parse(entry.toString()) as { v: number }).v)).toEqual(
    entries.map(() => 1),
  )
})

test.each(['gzip', 'deflate, gzip;q=0.5', 'br, gzip'])(
  'a bundle is packed for who takes %s, and is the same inside',
  async (accepted) => {
    const path = `tile/entries/000.p/${size}`
    const plain = await read(path)
    const packed = await readPacked(path, accepted)

    expect(packed.encoding).toBe('gzip')
    expect(gunzipSync(packed.bytes)).toEqual(Buffer.from(await plain.arrayBuffer()))
    expect(plain.headers.get('content-encoding')).toBeNull()
    expect(plain.headers.get('vary')).toContain('Accept-Encoding')
  },
)

test.each([
  ['a partial tile that no checkpoint covers', () => `tile/0/000.p/255`],
  ['a full tile that is partial still', () => 'tile/0/000'],
  ['another spelling of a tile', () => `tile/0/000.p/0${size}`],
  ['a level that there is not', () => 'tile/64/000.p/1'],
  ['no tile', () => 'tile/nothing'],
  ['a way out', () => 'tile/..%2f..%2fcheckpoint'],
])('%s is 404, so that clients go on to the full one', async (_name, path) => {
  expect((await read(path())).status).toBe(404)
})

test('the log is for auditors: no token, an agent and a token without the scope are refused', async () => {
  const tenantId = await givenTenant(api)
  const agent = await givenAgent(api, tenantId, 'ada')
  for (const path of ['/log/checkpoint', '/log/tile/0/000.p/1', '/log/tile/entries/000.p/1']) {
    expect((await api.call({ path })).status).toBe(401)
    expect((await api.call({ path, token: agent })).code).toBe('gateway.scope-missing')
  }
  const asked = await api.call({
    method: 'POST',
    path: `/v1/tenants/${tenantId}/agents`,
    token: api.operator,
    body: { name: 'bob', scopes: ['log:read'] },
  })
  expect([asked.status, asked.code]).toEqual([400, 'gateway.scope-not-for-agents'])
})
