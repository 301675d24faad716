import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { verifyReceipt } from '@mumega/tlog/receipt'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

let api: Api
let tenantId: string
let ada: string
let stranger: string
const MESSAGES = 5

interface Found {
  entries: { index: number; chain: string; action: string; target: string; receipt: string }[]
  next?: string
  complete: boolean
  lag: number
}

async function search(query: string, token = ada): Promise<Found> {
  const answer = await api.call({ path: `/v1/audit/entries${query}`, token })
  if (answer.status !== 200) throw new Error(answer.text)
  // A page as the document describes it.
  return answer.json as unknown as Found
}

beforeAll(async () => {
  api = await startApi()
  tenantId = await givenTenant(api)
  ada = await givenAgent(api, tenantId, 'ada')
  stranger = await givenAgent(api, await givenTenant(api), 'eve')
  for (let nth = 0; nth < MESSAGES; nth += 1) {
    await givenMessage(api, { token: ada, to: 'ada', text: `message ${nth}` })
  }
  await eventually(
    async () => {
      const { entries, complete } = await search('?action=message.accepted')
      return complete && entries.length === MESSAGES
    },
    { what: 'the messages on the ledger' },
  )
}, 120_000)

afterAll(async () => {
  await api.stop()
})

test('an agent finds the entries of its tenant, each with a link to a receipt that verifies', async () => {
  const { entries, complete, lag } = await search('?action=message.*&actor=agent%3Aada')
  const { text: vkey } = await api.call({ path: '/v1/audit/key' })

  expect([entries.length, complete, lag]).toEqual([MESSAGES, true, 0])
  for (const entry of entries) {
    expect(entry.chain).toBe(tenantId)
    const verdict = await eventually(
      async () => {
        const { text } = await api.call({ path: entry.receipt, token: ada })
        const judged = verifyReceipt({ text, vkey: vkey.trim() })
        return judged.status === 'valid' && judged
      },
      { what: 'a receipt' },
    )
    expect(verdict.index).toBe(entry.index)
  }
})

test('pages go on where the one before ended, in both directions', async () => {
  for (const order of ['newest', 'oldest']) {
    const all = (await search(`?order=${order}&action=message.accepted`)).entries
    const paged: Found['entries'] = []
    let cursor = ''
    for (let page = 0; page < MESSAGES; page += 1) {
      const query = `?order=${order}&action=message.accepted&limit=2${cursor}`
      const { entries, next } = await search(query)
      paged.push(...entries)
      if (next === undefined) break
      cursor = `&cursor=${next}`
    }
    expect(paged).toEqual(all)
  }
})

test('another tenant finds none of it, and may not name the tenant; an operator may, or sees all', async () => {
  expect((await search('?action=message.*', stranger)).entries).toEqual([])
  const named = await api.call({
    path: `/v1/audit/entries?tenantId=${tenantId}`,
    token: stranger,
  })
  expect([named.status, named.code]).toEqual([404, 'gateway.tenant-not-found'])

  const own = await search(`?tenantId=${tenantId}`, api.operator)
  const all = await search('?limit=200', api.operator)
  const system = await search('?tenantId=substrate', api.operator)
  expect(new Set(own.entries.map(({ chain }) => chain))).toEqual(new Set([tenantId]))
  expect(new Set(all.entries.map(({ chain }) => chain)).size).toBeGreaterThan(2)
  expect(new Set(system.entries.map(({ chain }) => chain))).toEqual(new Set(['substrate']))
  const [entry] = own.entries
  expect((await api.call({ path: entry?.receipt ?? '', token: api.operator })).status).toBe(200)
})

test.each([
  ['an unknown filter', 'colour=red', 'colour'],
  ['an action in capitals', 'action=Deal.Moved', 'action'],
  ['a prefix that ends within a word', 'action=deal.m*', 'action'],
  ['a bare star', 'action=*', 'action'],
  ['a target without a kind', 'target=17', 'target'],
  ['a phase that there is not', 'phase=draft', 'phase'],
  ['a trace in capitals', `trace=${'AB'.repeat(16)}`, 'trace'],
  ['a time of another form', 'from=2026-11-21', 'from'],
  ['a day that there is not', 'until=2026-02-31T00:00:00.000Z', 'until'],
  ['a year that there is not', 'from=0000-01-01T00:00:00.000Z', 'from'],
  [
    'an end before the begin',
    'from=2026-11-21T00:00:00.000Z&until=2026-11-20T00:00:00.000Z',
    'until',
  ],
  ['an order that there is not', 'order=random', 'order'],
  ['a cursor that is none', 'cursor=abc', 'cursor'],
  ['too long a page', 'limit=201', 'limit'],
  ['the same filter twice', 'actor=a&actor=b', 'actor'],
  ['too long an actor', `actor=${'a'.repeat(201)}`, 'actor'],
  ['a tenant that cannot be', 'tenantId=-', 'tenantId'],
])('%s is 400 and names the field', async (_name, query, field) => {
  const found = await api.call({ path: `/v1/audit/entries?${query}`, token: ada })

  expect([found.status, found.code]).toEqual([400, 'gateway.invalid-request'])
  expect(found.json['field']).toBe(field)
})

test.each(['actor=%00', 'actor=%27%3B%20drop%20table--', 'target=deal:%25', 'actor=%F0%9F%A6%8A'])(
  'a filter that no entry has finds nothing: %s',
  async (query) => {
    expect((await search(`?${query}`)).entries).toEqual([])
  },
)
