import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { searchEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { eventually } from '@mumega/testkit'
import {
  givenLedger,
  anIntent,
  OPERATOR,
  publishIntents,
  receiptOf,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let bridge: Bus

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const FACTS: Partial<AuditIntent>[] = [
  { action: 'deal.moved', target: 'deal:1', time: '2026-11-20T10:00:00.000Z' },
  { action: 'deal.moved', target: 'deal:2', actor: { id: 'agent:ünal\u0000', kind: 'agent' } },
  { action: 'deal.closed', target: 'deal:1', chain: 'zenith', time: '0000-01-01T00:00:00.000Z' },
  { action: 'deals.counted', target: 'deal:1', chain: 'substrate' },
  { action: 'email.sent', target: 'message:7', phase: 'intent' },
  {
    action: 'email.sent',
    target: 'message:7',
    phase: 'outcome',
    of: '019a0000-0000-7000-8000-000000000001',
    traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
  },
]

type Asked = Partial<RequestOf<typeof searchEntries>>

async function search(
  asked: Asked = {},
  context: CallContext = OPERATOR,
): Promise<ReplyOf<typeof searchEntries>> {
  return bridge.request(searchEntries, { order: 'oldest', limit: 200, ...asked }, { context })
}

async function found(asked: Asked, context?: CallContext): Promise<number[]> {
  return (await search(asked, context)).entries.map(({ index }) => index)
}

function tenant(tenantId: string): CallContext {
  return { tenantId, actor: { id: 'agent:reader', kind: 'agent' } }
}

async function untilIndexed(size: number): Promise<void> {
  await eventually(
    async () => {
      const { complete, entries } = await search({ order: 'newest', limit: 1 })
      return complete && entries[0]?.index === size - 1
    },
    { what: `an index over ${size}` },
  )
}

beforeAll(async () => {
  // An intent whose outcome never comes would become one more entry.
  ledger = await givenLedger({ settings: { LEDGER_OUTCOME_MS: 31_536_000_000 } })
  bridge = await ledger.bus('bridge')
  await publishIntents(bridge, FACTS.map(anIntent))
  await untilIndexed(FACTS.length)
})
afterAll(() => ledger.stop())

test.each<[string, Asked, number[]]>([
  ['nothing, which is everything', {}, [0, 1, 2, 3, 4, 5]],
  ['chain', { chain: 'acme' }, [0, 1, 4, 5]],
  ['actor', { actor: 'agent:writer' }, [0, 2, 3, 4, 5]],
  ['actor, whatever is in the name', { actor: 'agent:ünal\u0000' }, [1]],
  ['action', { action: 'deal.moved' }, [0, 1]],
  ['actions under a prefix, whole words only', { action: 'deal.*' }, [0, 1, 2]],
  ['target', { target: 'deal:1' }, [0, 2, 3]],
  ['phase', { phase: 'outcome' }, [5]],
  ['trace', { trace: TRACE }, [5]],
  ['no trace, which none has', { trace: '0'.repeat(32) }, []],
  ['time, its begin included', { from: '2026-11-21T08:00:00.000Z' }, [1, 3, 4, 5]],
  ['time, its end not included', { until: '2026-11-21T08:00:00.000Z' }, [0, 2]],
  ['several at once', { action: 'deal.*', target: 'deal:1', chain: 'zenith' }, [2]],
  ['what nobody did', { actor: 'agent:nobody' }, []],
])('entries are found by %s', async (_name, asked, indexes) => {
  expect(await found(asked)).toEqual(indexes)
  expect(await found({ ...asked, order: 'newest' })).toEqual([...indexes].reverse())
})

test('each entry that is found has what its receipt needs', async () => {
  const { entries, complete, lag } = await search({ order: 'newest', limit: 1 })
  const [entry] = entries
  if (entry === undefined) throw new Error('the newest entry is found')

  const receipt = await receiptOf(bridge, entry)

  expect([complete, lag]).toEqual([true, 0])
  expect(entry).toMatchObject({ of: FACTS[5]?.of, trace: TRACE, phase: 'outcome' })
  expect(entry).toMatchObject(receipt.entry)
})

test('a tenant finds its own chain only, whatever it names; another one is as empty as none', async () => {
  expect(await found({}, tenant('zenith'))).toEqual([2])
  expect(await found({ chain: 'zenith' }, tenant('zenith'))).toEqual([2])
  expect(await found({ chain: 'acme' }, tenant('zenith'))).toEqual([])
  expect(await found({ chain: 'substrate' }, tenant('zenith'))).toEqual([])
  expect(await found({ target: 'deal:1' }, tenant('zenith'))).toEqual([2])
  expect(await found({}, tenant('nobody'))).toEqual([])
})

test('the database itself shows a tenant the rows of its own chain only', async () => {
  const pool = ledger.pool()
  const seen = await pool.transaction(async (trx) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'zenith', true)`)
    return trx<{ chain: string }>('entry_index').select('chain')
  })
  expect(seen).toEqual([{ chain: 'zenith' }])
  expect(await pool('entry_index').select('chain')).toEqual([])
})

test.each(['newest', 'oldest'] as const)(
  'the pages of a search, %s first, hold each entry once, also while the log grows',
  async (order) => {
    const before = await found({ order })
    let size = before.length
    const indexes: number[] = []
    let cursor: string | undefined
    do {
      const page = await search({ order, limit: 2, ...(cursor !== undefined && { cursor }) })
      indexes.push(...page.entries.map(({ index }) => index))
      cursor = page.next
      await publishIntents(bridge, [anIntent({ chain: 'other' })])
      size += 1
      await untilIndexed(size)
    } while (cursor !== undefined && indexes.length < before.length)

    expect(indexes.slice(0, before.length)).toEqual(before)
  },
)
