import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openAdmin, eventually } from '@mumega/testkit'
import { openExportAudit, type ExportVerdict } from '@mumega/tlog/export-audit'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

// More than an export reads at once.
const MESSAGES = 130

let api: Api
let vkey: string
let tenantId: string
let messages: string[]

beforeAll(async () => {
  api = await startApi()
  tenantId = await givenTenant(api)
  const token = await givenAgent(api, tenantId, 'ada')
  messages = []
  for (let nth = 0; nth < MESSAGES; nth += 1) {
    messages.push(await givenMessage(api, { token, to: 'ada', text: 'hello' }))
  }
  vkey = (await api.call({ path: '/v1/audit/key' })).text.trim()
  const last = `/v1/audit/receipts/bridge/${messages.at(-1) ?? ''}`
  const isAnchored = async () => {
    const { status, headers } = await api.call({ path: last, token })
    return status === 200 && !headers.has('retry-after')
  }
  await eventually(isAnchored, { what: 'a signed log' })
}, 120_000)

afterAll(() => api.stop())

const pathOf = (query: string) => `/v1/audit/export?format=jsonl&disclose=true${query}`

function audit(text: string): ExportVerdict {
  const open = openExportAudit(vkey)
  const lines = text.split('\n')
  for (const line of lines.slice(0, -1)) if (!open.take(line)) break
  return open.end({ isWhole: lines.at(-1) === '' })
}

async function erase(id: string | undefined): Promise<void> {
  const path = `/v1/audit/redactions?tenantId=${tenantId}`
  const body = { source: 'bridge', id, reason: 'Asked for.', legalBasis: 'GDPR 17' }
  const erased = await api.call({ method: 'POST', path, token: api.operator, body })
  expect(erased.status).toBe(200)
}

test.each([
  ['the whole log', () => ''],
  ['a chain', () => `&tenantId=${tenantId}`],
])(
  'an export of %s right after an erasure holds the entry that records it',
  async (_what, query) => {
    const id = messages.shift()
    const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 1 })

    const exported = await admin.transaction(async (trx) => {
      // Nothing is sealed until the export has begun.
      await trx.raw('select from audit_ledger.log_head for update')
      await erase(id)
      const call = api.call({ path: pathOf(query()), token: api.operator })
      return { answer: Promise.resolve(call) }
    })
    await admin.destroy()

    const verdict = audit((await exported.answer).text)
    expect(verdict).toMatchObject({ status: 'redacted', redactions: { unproved: 0 } })
    expect(verdict.redactions.named).toContain(`bridge/${id ?? ''}`)
  },
)

test('an export whose erasures are not recorded in time is refused, and can be made again', async () => {
  const other = await givenTenant(api)
  const token = await givenAgent(api, other, 'bob')
  const id = await givenMessage(api, { token, to: 'bob', text: 'hello' })
  const path = pathOf(`&tenantId=${other}`)
  await eventually(async () => (await api.call({ path, token: api.operator })).text.includes(id), {
    what: 'the signed message',
  })
  const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 1 })
  // An erasure whose record never comes: nothing put it into the outbox.
  await admin.transaction(async (trx) => {
    await trx.raw('set local session_replication_role = replica')
    await trx.raw(
      `insert into audit_ledger.redactions
       select log_index, gen_random_uuid(), 'none', 'none', 'nobody', now()
         from audit_ledger.event_keys where source = 'bridge' and id = ?`,
      [id],
    )
    await trx.raw(
      `select audit_ledger.erase_payload(log_index)
         from audit_ledger.event_keys where source = 'bridge' and id = ?`,
      [id],
    )
  })
  await admin.destroy()

  const refused = await api.call({ path, token: api.operator })

  expect([refused.status, refused.code]).toEqual([503, 'gateway.erasure-pending'])
  expect(refused.headers.get('retry-after')).toBe('1')
})
