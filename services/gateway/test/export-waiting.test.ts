import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Knex } from '@mumega/db'
import { openAdmin, eventually } from '@mumega/testkit'
import { openExportAudit, type ExportVerdict } from '@mumega/tlog/export-audit'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

// More than an export reads at once, and less than it reads at twice.
const MESSAGES = 130

let api: Api
let admin: Knex
let vkey: string
let tenantId: string
let messages: string[]

beforeAll(async () => {
  api = await startApi()
  admin = openAdmin(api.suite.database.adminUrl, { poolMax: 3 })
  tenantId = await givenTenant(api)
  messages = await givenSigned(tenantId, MESSAGES)
  vkey = (await api.call({ path: '/v1/audit/key' })).text.trim()
}, 120_000)
afterAll(async () => {
  await admin.destroy()
  await api.stop()
})

/** The ids of messages of an agent of this tenant, once a signed checkpoint covers them. */
async function givenSigned(tenant: string, count: number): Promise<string[]> {
  const token = await givenAgent(api, tenant, 'ada')
  const ids: string[] = []
  for (let nth = 0; nth < count; nth += 1) {
    ids.push(await givenMessage(api, { token, to: 'ada', text: 'hello' }))
  }
  const last = `/v1/audit/receipts/bridge/${ids.at(-1) ?? ''}`
  const isAnchored = async () => {
    const { status, headers } = await api.call({ path: last, token })
    return status === 200 && !headers.has('retry-after')
  }
  await eventually(isAnchored, { what: 'a signed log' })
  return ids
}

const pathOf = (tenant: string) => `/v1/audit/export?format=jsonl&disclose=true&tenantId=${tenant}`

function audit(text: string): ExportVerdict {
  const open = openExportAudit(vkey)
  const lines = text.split('\n')
  for (const line of lines.slice(0, -1)) if (!open.take(line)) break
  return open.end({ isWhole: lines.at(-1) === '' })
}

/** The id of the entry that records it. */
async function erase(tenant: string, id: string | undefined): Promise<string> {
  const path = `/v1/audit/redactions?tenantId=${tenant}`
  const body = { source: 'bridge', id, reason: 'Asked for.', legalBasis: 'GDPR 17' }
  const erased = await api.call({ method: 'POST', path, token: api.operator, body })
  expect(erased.status).toBe(200)
  return String(erased.json['redactionId'])
}

async function untilBlocked(query: string): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await admin.raw<{ rows: unknown[] }>(
        `select from pg_stat_activity where wait_event_type = 'Lock'
            and datname = current_database() and query like ?`,
        [query],
      )
      return rows.length > 0
    },
    { what: `a lock that is waited for by ${query}` },
  )
}

async function untilSealed(ids: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await admin.raw<{ rows: unknown[] }>(
        `select from audit_ledger.event_keys where source = 'audit-ledger' and id = any(?::uuid[])`,
        [[...ids]],
      )
      return rows.length === ids.length
    },
    { what: 'the entries that record the erasures' },
  )
}

/**
 * Runs `act` while no checkpoint is signed, except the one that is under way and has the record of
 * an erasure only: what is sealed meanwhile is covered by one checkpoint, and not the next one.
 */
async function beforeSigning<Result>(
  erased: () => Promise<unknown>,
  act: () => Promise<Result>,
): Promise<Result> {
  return admin.transaction(async (trx) => {
    await trx.raw('lock table audit_ledger.checkpoints in exclusive mode')
    await erased()
    await untilBlocked('%insert into checkpoints%')
    return act()
  })
}

test('what an export has read and not sent is read anew under a newer checkpoint', async () => {
  const own = await givenTenant(api)
  const [zeroth, first, second] = await givenSigned(own, 3)

  const exported = await beforeSigning(
    () => erase(own, zeroth),
    async () => {
      const recorded = await erase(own, first)
      const late = await admin.transaction(async (trx) => {
        // The export has the payloads, and asks which of the others were erased.
        await trx.raw('lock table audit_ledger.redactions in access exclusive mode')
        const answer = api.call({ path: pathOf(own), token: api.operator })
        await untilBlocked('%from "redactions"%')
        return { answer, erased: erase(own, second) }
      })
      await untilSealed([recorded, await late.erased])
      return late
    },
  )

  const verdict = audit((await exported.answer).text)
  expect(verdict.reason).toBe('The signed log holds these entries as they stand here.')
  expect(verdict).toMatchObject({ status: 'redacted', redactions: { proved: 3, unproved: 0 } })
})

test('an export that has sent a payload ends without a trailer before it has its erasure', async () => {
  const [zeroth, first, second] = messages
  const sent: string[] = []

  const { reader } = await beforeSigning(
    () => erase(tenantId, zeroth),
    async () => {
      const recorded = await erase(tenantId, first)
      const headers = { authorization: `Bearer ${api.operator}` }
      const response = await fetch(`${api.suite.gatewayUrl}${pathOf(tenantId)}`, { headers })
      const body = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      if (body === undefined) throw new Error('the export has a body')
      while (!sent.join('').includes(`"id":"${second ?? ''}"`)) {
        sent.push((await body.read()).value ?? '')
      }
      await untilSealed([recorded, await erase(tenantId, second)])
      return { reader: body }
    },
  )

  const isWhole = await readOn(reader, sent)
  expect(isWhole).toBe(false)
  expect(audit(sent.join('')).status).toBe('malformed')
  const again = audit((await api.call({ path: pathOf(tenantId), token: api.operator })).text)
  expect(again).toMatchObject({ status: 'redacted', redactions: { proved: 3, unproved: 0 } })
})

/** Whether the rest arrives before the transfer breaks off. */
async function readOn(
  reader: ReadableStreamDefaultReader<string>,
  sent: string[],
): Promise<boolean> {
  try {
    for (;;) {
      const { done, value = '' } = await reader.read()
      if (done) return true
      sent.push(value)
    }
  } catch (error) {
    if (String(error) === 'TypeError: terminated') return false
    throw error
  }
}

test('an altered payload is never said to be erased: the export is refused', async () => {
  const own = await givenTenant(api)
  const [id] = await givenSigned(own, 1)
  await admin.transaction(async (trx) => {
    await trx.raw("set local mumega.migrating = 'on'")
    await trx.raw('alter table audit_ledger.payload_batches disable trigger all')
    await trx.raw('set local search_path = audit_ledger')
    const { rowCount } = await trx.raw<{ rowCount: number }>(
      `with altered as (
         select log_index, first_index,
                offset_at(offsets, log_index - first_index) + 2 as place
           from event_keys join payload_batches on first_index <= log_index
          where source = 'bridge' and id = ? order by first_index desc limit 1)
       update payload_batches as batch
          set payloads = set_byte(payloads, place, get_byte(payloads, place) # 1)
         from altered where batch.first_index = altered.first_index`,
      [id ?? ''],
    )
    expect(rowCount).toBe(1)
  })

  const refused = await api.call({ path: pathOf(own), token: api.operator })

  expect([refused.status, refused.code]).toEqual([422, 'gateway.payload-missing'])
  expect(refused.text).not.toContain('redacted')
})
