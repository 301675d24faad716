import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import {
  eventually,
  opensslPresent,
  skipUnless,
  startTestSuite,
  startTestTsa,
  startTestWitness,
  type TestSuite,
  type TestTsa,
  type TestWitness,
} from '@mumega/testkit'
import { generateVkey, openNote, parseVkey, signerFromSeed } from '@mumega/tlog/note'

const ORIGIN = 'localhost/mumega'
const openssl = opensslPresent()

let suite: TestSuite
let witness: TestWitness
let tsa: TestTsa | undefined
let vkey: string
let operator: string
const folder = mkdtempSync(join(tmpdir(), 'mumega-vouching-'))

beforeAll(async () => {
  const keyFile = join(folder, 'key')
  const seed = randomBytes(32)
  writeFileSync(keyFile, seed.toString('base64'), { mode: 0o600 })
  const { publicKey } = signerFromSeed(ORIGIN, seed)
  vkey = generateVkey(ORIGIN, publicKey)
  witness = await startTestWitness({ name: 'w', seed: Buffer.alloc(32, 4), logVkey: vkey })
  const policyFile = join(folder, 'policy')
  writeFileSync(policyFile, `witness w ${witness.vkey} ${witness.url}\nquorum w\n`)
  tsa = openssl.isPresent ? await startTestTsa() : undefined
  const ledger = {
    LEDGER_KEY_FILE: keyFile,
    LEDGER_WITNESS_POLICY_FILE: policyFile,
    LEDGER_WITNESS_INTERVAL_MS: '50',
    ...(tsa && { LEDGER_TSA_URL: tsa.url, LEDGER_TSA_CA_FILE: tsa.caFile }),
  }
  suite = await startTestSuite({ services: SERVICES, env: { 'audit-ledger': ledger } })
  operator = await suite.operatorToken()
}, 120_000)

afterAll(async () => {
  await suite.stop()
  await witness.stop()
  await tsa?.stop()
  rmSync(folder, { recursive: true })
})

async function read(path: string): Promise<Response> {
  return fetch(`${suite.gatewayUrl}${path}`, { headers: { authorization: `Bearer ${operator}` } })
}

test('the checkpoint that witnesses have cosigned is served, and so is its cosignature', async () => {
  const note = await eventually(
    async () => {
      const answer = await read('/v1/audit/checkpoint/witnessed')
      return answer.ok && answer.text()
    },
    { what: 'a cosigned checkpoint' },
  )

  expect(openNote(note, [parseVkey(vkey), parseVkey(witness.vkey)]).signatures).toHaveLength(2)
  const served = await eventually(
    async () => {
      const text = await (await read('/log/checkpoint')).text()
      return openNote(text, [parseVkey(vkey)]).unverified.length > 0 && text
    },
    { what: 'the served checkpoint carries it' },
  )
  expect(openNote(served, [parseVkey(witness.vkey)]).signatures).toHaveLength(1)
})

skipUnless(test, openssl)('a time-stamp is served with the bytes it is of', async () => {
  const [newest] = await eventually(
    async () => {
      const answer = await read('/v1/audit/timestamps?limit=5')
      const { timestamps } = (await answer.json()) as { timestamps: { size: number }[] }
      return timestamps.length > 0 && timestamps
    },
    { what: 'a time-stamp' },
  )
  const size = newest?.size ?? 0

  const stamp = await read(`/v1/audit/timestamps/${size}`)
  const checkpoint = await read(`/v1/audit/timestamps/${size}/checkpoint`)

  expect(stamp.headers.get('content-type')).toBe('application/timestamp-reply')
  const note = await checkpoint.text()
  expect(note.split('\n')[1]).toBe(String(size))
  expect(tsa?.judge(Buffer.from(await stamp.arrayBuffer()), note)).toBeUndefined()
})

test.each([
  ['/v1/audit/timestamps/999999', 404, 'audit-ledger.timestamp-not-found'],
  ['/v1/audit/timestamps/999999/checkpoint', 404, 'audit-ledger.timestamp-not-found'],
  ['/v1/audit/timestamps/0', 400, 'gateway.invalid-request'],
  ['/v1/audit/timestamps/x', 400, 'gateway.invalid-request'],
  ['/v1/audit/timestamps?limit=0', 400, 'gateway.invalid-request'],
  ['/v1/audit/timestamps?before=x', 400, 'gateway.invalid-request'],
])('%s is %d %s', async (path, status, code) => {
  const answer = await read(path)
  expect(answer.status).toBe(status)
  expect(await answer.json()).toMatchObject({ code })
})
