import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { eventually } from '@mumega/testkit'
import { generateVkey, signNote } from '@mumega/tlog/note'
import { rotationText } from '@mumega/tlog/rotation'
import { parseSignerKey } from '@mumega/tlog/signer-key'
import { faultOfStatement } from '@mumega/tlog/statement'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'
import { mumega } from './given-cli.ts'

let api: Api
let agentToken: string

beforeAll(async () => {
  api = await startApi({}, { services: SERVICES })
  agentToken = await givenAgent(api, await givenTenant(api), 'kasra')
}, 120_000)
afterAll(() => api.stop())

const keyFileOf = (principalId: string) => join(api.suite.principalsFolder, `${principalId}.key`)
const signerOf = (path: string) => parseSignerKey(readFileSync(path, 'utf8').trim())

const get = (principalId: string) =>
  api.call({ path: `/v1/principals/${principalId}`, token: agentToken })

test('an agent sees the installation’s principals with their public keys', async () => {
  const { status, json } = await api.call({ path: '/v1/principals', token: agentToken })

  expect(status).toBe(200)
  const principals = json['principals'] as { principalId: string; key: { vkey: string } }[]
  expect(principals.map(({ principalId }) => principalId)).toEqual([
    ...['agent.athena', 'agent.calliope', 'agent.kasra', 'agent.loom', 'agent.mizan'],
    ...['agent.river', 'human.principal'],
  ])
  const { publicKey } = signerOf(keyFileOf('agent.athena'))
  expect(principals[0]?.key.vkey).toBe(generateVkey('agent.athena', publicKey))
})

test('who has its key rotates it with the CLI, and the ledger has the note', async () => {
  const next = join(api.suite.principalsFolder, 'next.key')
  const made = await mumega(['principal', 'new', 'agent.river', '--key', next], agentToken)
  const files = ['--key', keyFileOf('agent.river'), '--next', next]
  const words = ['principal', 'rotate', ...files, '--url', api.suite.gatewayUrl]

  const rotated = await mumega(words, agentToken)

  const vkey = made.stdout.trim()
  expect(rotated).toEqual({
    code: 0,
    stdout: `agent.river has key 2 now: ${vkey}\n`,
    stderr: '',
  })
  const { json } = await get('agent.river')
  const [now, before] = json['keys'] as { vkey: string; rotation: string }[]
  expect(now?.vkey).toBe(vkey)
  const [from, to] = [before?.vkey ?? '', vkey]
  const text = rotationText({ principalId: 'agent.river', from, to })
  expect(faultOfStatement(now?.rotation ?? '', { text, vkeys: [from, to] })).toBeUndefined()
  const entries = await eventually(
    async () => {
      const path = '/v1/audit/entries?action=principal.key-rotated&order=oldest'
      const found = await api.call({ path, token: api.operator })
      const all = found.json['entries'] as { target: string; chain: string }[]
      return all.length > 0 && all
    },
    { what: 'the entry' },
  )
  expect(entries).toMatchObject([{ target: 'principal:agent.river', chain: 'substrate' }])

  const again = await mumega(words, agentToken)
  expect(again).toMatchObject({ code: 1, stdout: '' })
  expect(again.stderr).toContain('objectives.')
})

test('LOCK-OBJ-1: an operator with every scope gives athena no key, and reads what has to be signed', async () => {
  const athena = signerOf(keyFileOf('agent.athena'))
  const before = await get('agent.athena')
  const kasra = signerOf(keyFileOf('agent.kasra'))
  const vkey = generateVkey('agent.athena', kasra.publicKey)
  const from = generateVkey('agent.athena', athena.publicKey)
  const text = rotationText({ principalId: 'agent.athena', from, to: vkey })

  const refused = await api.call({
    method: 'POST',
    path: '/v1/principals/agent.athena/keys',
    token: api.operator,
    body: { vkey, note: signNote(text, kasra) },
  })

  expect([refused.status, refused.code]).toEqual([403, 'objectives.signature-invalid'])
  expect(refused.json['expected']).toBe(text)
  expect((await get('agent.athena')).json).toEqual(before.json)
})

test('an operator suspends and reinstates; an agent may not', async () => {
  const change = (path: string, token: string) =>
    api.call({
      method: 'POST',
      path: `/v1/principals/agent.loom/${path}`,
      token,
      body: { reason: 'its key is in doubt' },
      headers: { 'idempotency-key': `loom-${path}` },
    })
  expect((await change('suspend', agentToken)).code).toBe('gateway.scope-missing')

  const suspended = await change('suspend', api.operator)
  expect([suspended.status, suspended.json['status']]).toEqual([200, 'suspended'])
  expect((await change('suspend', api.operator)).json).toEqual(suspended.json)
  const again = await change('reinstate', api.operator)
  expect([again.status, again.json['status']]).toEqual([200, 'active'])
})

test('a principal that is not there is not found', async () => {
  const { status, code } = await get('agent.nobody')
  expect([status, code]).toEqual([404, 'objectives.principal-not-found'])
})
