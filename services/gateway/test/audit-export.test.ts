import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { openExportAudit, type ExportVerdict } from '@mumega/tlog/export-audit'
import {
  givenAgent,
  givenAgentToken,
  givenMessage,
  givenTenant,
  openRows,
  startApi,
  type Api,
} from './given.ts'

const MESSAGES = 230
const HOSTILE = '=1+1'

let api: Api
let folder: string
let tenantId: string
let ada: string
// Neither a hash nor base64 can hold it.
const OTHER = 'eve-elsewhere'
let eve: string
let vkey: string

beforeAll(async () => {
  api = await startApi()
  folder = mkdtempSync(join(tmpdir(), 'mumega-export-'))
  tenantId = await givenTenant(api)
  const other = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
  eve = await givenAgent(api, other, OTHER)
  for (let nth = 0; nth < MESSAGES; nth += 1) {
    // Two chains in turn, so that neither is one range of the log.
    const [token, to] = nth % 3 === 0 ? [eve, OTHER] : [ada, 'ada']
    await givenMessage(api, { token, to, text: `${HOSTILE} "${nth}"` })
  }
  vkey = (await api.call({ path: '/v1/audit/key' })).text.trim()
  await eventually(async () => (await sealed()) >= MESSAGES, {
    what: 'a signed log',
  })
}, 120_000)

afterAll(async () => {
  await api.stop()
  rmSync(folder, { recursive: true })
})

/** Messages under the newest checkpoint. */
async function sealed(): Promise<number> {
  const { text } = await exported('format=jsonl&action=message.accepted', api.operator)
  return text.split('\n').filter((line) => line.includes('"message.accepted"')).length - 1
}

async function exported(query: string, token = ada) {
  return api.call({ path: `/v1/audit/export?${query}`, token })
}

function audit(text: string): ExportVerdict {
  const open = openExportAudit(vkey)
  const lines = text.split('\n')
  for (const line of lines.slice(0, -1)) if (!open.take(line)) break
  return open.end({ isWhole: lines.at(-1) === '' })
}

interface Line {
  index: number
  entry: { id: string; chain: string; action: string }
  disclosure?: { payload: { text?: string } }
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -2)
    .map((line) => JSON.parse(line) as Line)
}

test('an operator’s export of everything is the whole signed log, and verifies with its payloads', async () => {
  const { status, text, headers } = await exported('format=jsonl&disclose=true', api.operator)

  const verdict = audit(text)

  expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
  expect(verdict).toMatchObject({ status: 'valid', filter: {} })
  expect(verdict.entries).toBe(verdict.checkpoint?.size)
  expect(verdict.payloads).toBe(verdict.entries)
  expect(verdict.entries).toBeGreaterThanOrEqual(MESSAGES)
  expect(linesOf(text).map(({ index }) => index)).toEqual(
    Array.from({ length: verdict.entries }, (_, index) => index),
  )
})

test('a tenant’s export is its own chain, whole, and verifies without anything of the others', async () => {
  const { text } = await exported('format=jsonl')

  const verdict = audit(text)

  expect(verdict).toMatchObject({ status: 'valid', chains: 1, payloads: 0 })
  expect(new Set(linesOf(text).map(({ entry }) => entry.chain))).toEqual(new Set([tenantId]))
  expect(text).not.toContain(OTHER)
  expect(text).not.toContain(HOSTILE)
})

test('an export by filters verifies, and says by which', async () => {
  const query = `format=jsonl&tenantId=${tenantId}&action=message.*`
  const { text } = await exported(query, api.operator)

  const verdict = audit(text)

  expect(verdict).toMatchObject({
    status: 'valid',
    filter: { chain: tenantId, action: 'message.*' },
  })
  expect(new Set(linesOf(text).map(({ entry }) => entry.action))).toEqual(
    new Set(['message.accepted']),
  )
})

test('`mumega audit` takes the file as it came', async () => {
  const { text } = await exported('format=jsonl&disclose=true', api.operator)
  const file = join(folder, 'export.jsonl')
  writeFileSync(file, text)
  const program = fileURLToPath(new URL('../../../../packages/cli/bin/mumega.mjs', import.meta.url))

  const { code, stdout } = await new Promise<{ code: number | null; stdout: string }>((resolve) => {
    const child = spawn(process.execPath, [program, 'audit', file, '--key', vkey])
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
    child.once('close', (ended) => {
      resolve({ code: ended, stdout: out })
    })
  })

  expect(stdout).toMatch(/^VALID: /)
  expect(code).toBe(0)
})

test('an erased payload is exported as erased, and the audit finds the entry that records it', async () => {
  const query = `format=jsonl&disclose=true&tenantId=${tenantId}`
  const { text: before } = await exported(query, api.operator)
  const nth = linesOf(before).findIndex(({ entry }) => entry.action === 'message.accepted')
  const was = linesOf(before)[nth]
  const erased = await api.call({
    method: 'POST',
    path: `/v1/audit/redactions?tenantId=${tenantId}`,
    token: api.operator,
    body: { source: 'bridge', id: was?.entry.id, reason: 'Asked for.', legalBasis: 'GDPR 17' },
  })
  expect(erased.status).toBe(200)

  const text = await eventually(
    async () => {
      const { text: file } = await exported(query, api.operator)
      return audit(file).status === 'redacted' && file
    },
    { what: 'the signed entry that tells of it' },
  )

  const is = linesOf(text)[nth]
  expect(is).toMatchObject({ redacted: true, entry: was?.entry, index: was?.index })
  expect(is).not.toHaveProperty('disclosure')
  expect(audit(text).redactions).toEqual({
    proved: 1,
    unproved: 0,
    named: [`bridge/${was?.entry.id ?? ''}`],
  })
})

test('payloads are for operators, and go with JSONL only', async () => {
  const agent = await exported('format=jsonl&disclose=true')
  const table = await exported('format=csv&disclose=true', api.operator)

  expect([agent.status, agent.json['field']]).toEqual([400, 'disclose'])
  expect([table.status, table.json['field']]).toEqual([400, 'disclose'])
})

test.each([
  ['no format', '', 'format'],
  ['a format that there is not', 'format=xml', 'format'],
  ['an unknown filter', 'format=csv&colour=red', 'colour'],
  ['a day that there is not', 'format=csv&from=2026-02-31T00:00:00.000Z', 'from'],
])('%s is 400 and names the field, before anything is sent', async (_name, query, field) => {
  const { status, json } = await exported(query)

  expect([status, json['field']]).toEqual([400, field])
})

test('another tenant’s chain cannot be exported', async () => {
  const { status, code } = await exported(`format=jsonl&tenantId=${tenantId}`, eve)

  expect([status, code]).toEqual([404, 'gateway.tenant-not-found'])
})

test.each([
  ['export', '/v1/audit/export?format=jsonl&tenantId='],
  ['search', '/v1/audit/entries?tenantId='],
])(
  'an operator’s %s of a tenant that is not there is refused, and not empty',
  async (_what, path) => {
    const unknown = await api.call({ path: `${path}never-was`, token: api.operator })
    const own = await api.call({ path: `${path}substrate`, token: api.operator })

    expect([unknown.status, unknown.code]).toEqual([404, 'gateway.tenant-not-found'])
    expect(own.status).toBe(200)
  },
)

test('a token without the right to read the ledger exports nothing', async () => {
  const { secret } = await givenAgentToken(api, {
    tenantId,
    name: 'bob',
    scopes: ['messages:send'],
  })

  expect((await exported('format=jsonl', secret)).code).toBe('gateway.scope-missing')
  expect((await api.call({ path: '/v1/audit/export?format=jsonl' })).status).toBe(401)
})

test('the table has a record for each entry and one at its end, and nothing that a spreadsheet runs', async () => {
  const { text, headers } = await exported('format=csv', api.operator)
  const records = text.split('\r\n')

  expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
  expect(headers.get('content-disposition')).toBe('attachment; filename="audit-substrate.csv"')
  expect(records[0]).toMatch(/^record,index,leaf_hash,/)
  expect(records.at(-2)).toMatch(/^trailer,\d+,+$/)
  expect(Number(records.at(-2)?.split(',')[1])).toBe(records.length - 3)
  for (const record of records) expect(record).not.toMatch(/(^|,)"?[=+\-@\t]/)
})

test('every OCSF event is an API Activity, the last one the trailer', async () => {
  const { text } = await exported('format=ocsf')
  const events = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { class_uid: number; unmapped: { trailer?: number } })

  expect(events.length).toBeGreaterThan(1)
  expect(new Set(events.map((event) => event.class_uid))).toEqual(new Set([6003]))
  expect(events.filter(({ unmapped }) => unmapped.trailer === 1)).toEqual([events.at(-1)])
})

test('an export that the gateway cannot finish breaks off, and has no trailer', async () => {
  const { hostname, port } = new URL(api.suite.gatewayUrl)
  const headers = { authorization: `Bearer ${api.operator}` }
  const path = '/v1/audit/export?format=jsonl&disclose=true'
  const rows = openRows(api)
  // Entries that were changed after they were signed: they do not add up to the root any more.
  await rows.db.raw('alter table audit_ledger.event_batches disable trigger written_once')
  const tampered = `update audit_ledger.event_batches
    set entries = overlay(entries placing 'agent:adb'::bytea from position('agent:ada' in entries))
    where position('agent:ada'::bytea in entries) > 0`
  await rows.db.raw(tampered)
  await rows.close()

  const ended = await new Promise<{ text: string; isWhole: boolean }>((resolve, reject) => {
    const call = request({ hostname, port, path, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      answer.once('close', () => {
        resolve({ text, isWhole: answer.complete })
      })
      answer.on('error', () => undefined)
    })
    call.on('error', reject).end()
  })

  expect(ended.isWhole).toBe(false)
  expect(ended.text).not.toContain('"trailer"')
  expect(audit(ended.text).status).not.toBe('valid')
})
