import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { verifyReceipt } from '@mumega/tlog/receipt'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

let api: Api

beforeAll(async () => {
  api = await startApi()
}, 120_000)

afterAll(async () => {
  await api.stop()
})

const WHY = { reason: 'The person asked for it.', legalBasis: 'GDPR Art. 17(1)(b)' }

async function givenSealed() {
  const tenantId = await givenTenant(api)
  const ada = await givenAgent(api, tenantId, 'ada')
  await givenAgent(api, tenantId, 'bob')
  const messageId = await givenMessage(api, { token: ada, to: 'bob', text: 'for a while' })
  const path = `/v1/audit/receipts/bridge/${messageId}`
  const anchored = async () => {
    const answer = await api.call({ path, token: ada })
    return answer.status === 200 && !answer.headers.has('retry-after') && answer.text
  }
  const receipt = await eventually(anchored, { what: 'an anchored receipt' })
  return { tenantId, ada, messageId, receipt, disclosure: `${path}/disclosure` }
}

test('what an operator erased is disclosed to nobody, and old receipts verify as redacted', async () => {
  const { tenantId, ada, messageId, receipt, disclosure } = await givenSealed()
  const path = `/v1/audit/redactions?tenantId=${tenantId}`
  const body = { source: 'bridge', id: messageId, ...WHY }
  const headers = { 'Idempotency-Key': 'erase-it' }

  const erased = await api.call({ method: 'POST', path, token: api.operator, body, headers })
  const again = await api.call({ method: 'POST', path, token: api.operator, body, headers })

  expect([erased.status, again.text]).toEqual([200, erased.text])
  const told = await eventually(
    async () => {
      const answer = await api.call({ path: disclosure, token: ada })
      return answer.status === 200 && answer
    },
    { what: 'the entry that tells of it' },
  )
  expect(Object.keys(told.json).sort()).toEqual(['receipt', 'redacted'])
  const key = await api.call({ path: '/v1/audit/key' })
  const claim = { text: receipt, vkey: key.text.trim(), disclosure: told.text }
  expect(verifyReceipt(claim)).toMatchObject({
    status: 'redacted',
    redaction: { id: erased.json['redactionId'], chain: tenantId, actor: { kind: 'human' } },
  })
})

test('an agent erases nothing, its own words either', async () => {
  const { ada, messageId, disclosure } = await givenSealed()
  const body = { source: 'bridge', id: messageId, ...WHY }

  const refused = await api.call({ method: 'POST', path: '/v1/audit/redactions', token: ada, body })

  expect([refused.status, refused.code]).toEqual([403, 'gateway.scope-missing'])
  const still = await api.call({ path: disclosure, token: ada })
  expect(still.json).toMatchObject({ payload: { from: 'ada' } })
  expect(still.headers.get('cache-control')).toBe('no-store')
})

test('an erasure that names two entries erases neither', async () => {
  const { tenantId, ada, messageId, disclosure } = await givenSealed()
  const other = await givenMessage(api, { token: ada, to: 'bob', text: 'another' })
  const path = `/v1/audit/redactions?tenantId=${tenantId}`
  const ids = `"id":"${other}","id":"${messageId}"`
  const body = `{"source":"bridge",${ids},"reason":"asked","legalBasis":"GDPR 17"}`

  const refused = await api.call({ method: 'POST', path, token: api.operator, body })

  expect([refused.status, refused.code]).toEqual([400, 'gateway.malformed-json'])
  expect(refused.json).toMatchObject({
    field: 'id',
    detail: 'The body is ambiguous: the key "id" stands there twice.',
  })
  const still = await api.call({ path: disclosure, token: ada })
  expect(still.json).toMatchObject({ payload: { from: 'ada' } })
})

test.each([
  ['reason', { reason: undefined }, 'gateway.invalid-request'],
  ['reason', { reason: 'x'.repeat(501) }, 'audit-ledger.redaction-invalid'],
  ['reason', { reason: '\u200b \u2060\u3164' }, 'audit-ledger.redaction-invalid'],
  ['legalBasis', { legalBasis: '' }, 'gateway.invalid-request'],
  ['because', { because: 'x' }, 'gateway.invalid-request'],
])('an erasure with a wrong %s is refused, which it names', async (field, fields, code) => {
  const { tenantId, messageId } = await givenSealed()
  const body = { source: 'bridge', id: messageId, ...WHY, ...fields }
  const path = `/v1/audit/redactions?tenantId=${tenantId}`

  const refused = await api.call({ method: 'POST', path, token: api.operator, body })

  expect([refused.status, refused.code]).toEqual([400, code])
  expect(JSON.stringify(refused.json)).toContain(field)
})
