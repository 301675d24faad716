import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { eventually } from '@mumega/testkit'
import { verifyReceipt } from '@mumega/tlog/receipt'
import { givenTenant, startApi, type Api } from './given.ts'

let api: Api

beforeAll(async () => {
  api = await startApi()
}, 120_000)

afterAll(async () => {
  await api.stop()
})

const PAYLOAD = {
  ...{ 'a\nb': 1, 'c\rd': [2], 'e\u2028f': { 'g\u2029': 3 }, '': '', constructor: 4 },
  ...{ nothing: null, '\u0000': '\ud83d\ude00' },
}

/** The receipt of an entry that a service put on record with this payload. */
async function givenEntry(payload: unknown): Promise<{ path: string; receipt: string }> {
  const [id, chain] = [uuidv7(), await givenTenant(api)]
  const bus = await api.suite.bus('bridge')
  const intent = {
    ...{ id, number: 1_000_000, chain, time: '2026-11-21T08:00:00.000Z', phase: 'fact', payload },
    ...{ actor: { id: 'agent:writer', kind: 'agent' }, action: 'deal.moved', target: 'deal:1' },
  }
  const body = JSON.stringify({ intents: [intent] })
  await bus.connection.request('aud.bridge.v1.append', body)
  const path = `/v1/audit/receipts/bridge/${id}`
  const receipt = await eventually(
    async () => {
      const answer = await api.call({ path, token: api.operator })
      return answer.status === 200 && !answer.headers.has('retry-after') && answer.text
    },
    { what: 'an anchored receipt' },
  )
  return { path, receipt }
}

test('a payload is disclosed as it is, whatever is in the names of its fields', async () => {
  const { path, receipt } = await givenEntry(PAYLOAD)

  const answer = await api.call({ path: `${path}/disclosure`, token: api.operator })

  expect(answer.json['payload']).toEqual(PAYLOAD)
  const vkey = (await api.call({ path: '/v1/audit/key' })).text.trim()
  expect(verifyReceipt({ text: receipt, vkey, disclosure: answer.text })).toMatchObject({
    status: 'valid',
    isPayloadVerified: true,
  })
})
