import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openDatabase } from '@mumega/db'
import { eventually } from '@mumega/testkit'
import { openExportAudit, type ExportVerdict } from '@mumega/tlog/export-audit'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

const EXPORTS_MAX = 8

let api: Api
let vkey: string

beforeAll(async () => {
  api = await startApi()
  const token = await givenAgent(api, await givenTenant(api), 'ada')
  await givenMessage(api, { token, to: 'ada', text: 'hello' })
  vkey = (await api.call({ path: '/v1/audit/key' })).text.trim()
}, 60_000)

afterAll(() => api.stop())

const exported = () =>
  api.call({ path: '/v1/audit/export?format=jsonl&action=message.accepted', token: api.operator })

function verdictOn(text: string): ExportVerdict {
  const audit = openExportAudit(vkey)
  for (const line of text.split('\n').slice(0, -1)) audit.take(line)
  return audit.end({ isWhole: text.endsWith('\n') })
}

test('of more exports than may run at once one is refused; those before it are whole, and make room', async () => {
  await eventually(async () => verdictOn((await exported()).text).entries === 1, {
    what: 'a signed log',
  })
  const admin = openDatabase(api.suite.database.adminUrl, { poolMax: 1 })

  const { exports, refused } = await admin.transaction(async (trx) => {
    // What every export reads waits.
    await trx.raw('lock table audit_ledger.event_batches in access exclusive mode')
    const started = Array.from({ length: EXPORTS_MAX + 1 }, exported)
    return { exports: started, refused: await Promise.race(started) }
  })
  await admin.destroy()

  expect([refused.status, refused.json]).toMatchObject([429, { code: 'gateway.too-many-exports' }])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const made = (await Promise.all(exports)).filter(({ status }) => status === 200)
  expect(made).toHaveLength(EXPORTS_MAX)
  for (const { text } of made) {
    expect(verdictOn(text)).toMatchObject({ status: 'valid', entries: 1 })
  }
  expect((await exported()).status).toBe(200)
})
