import { expect, test } from '@jest/globals'
import { GENESIS, type LeafEntry } from './entry.ts'
import type { ExportFilter } from './export-filter.ts'
import { openFilterAudit } from './export-filter-audit.ts'

const ENTRY: LeafEntry = {
  v: 1,
  source: 'bridge',
  id: '0193a0b0-1111-7000-8000-000000000001',
  chain: 'acme',
  seq: 1,
  prev: GENESIS,
  time: '2026-11-21T08:00:00.000Z',
  actor: { id: 'agent:ada', kind: 'agent' },
  action: 'deal.moved',
  target: 'deal:1',
  phase: 'fact',
  trace: 'ab'.repeat(16),
  payload: 'ab'.repeat(32),
}

/** What is found in three entries, of which the one at index 20 has these fields. */
function mismatch(filter: ExportFilter, fields: Partial<LeafEntry> = {}): string | undefined {
  const audit = openFilterAudit()
  audit.add(10, ENTRY)
  audit.add(20, { ...ENTRY, ...fields })
  audit.add(30, ENTRY)
  return audit.mismatch(filter)
}

const CASES: [filter: ExportFilter, other: Partial<LeafEntry>][] = [
  [{ chain: 'acme' }, { chain: 'zenith' }],
  [{ actor: 'agent:ada' }, { actor: { id: 'agent:bob', kind: 'agent' } }],
  [{ action: 'deal.moved' }, { action: 'deal.closed' }],
  [{ action: 'deal.*' }, { action: 'dealer.moved' }],
  [{ target: 'deal:1' }, { target: 'deal:12' }],
  [{ phase: 'fact' }, { phase: 'intent' }],
  [{ trace: ENTRY.trace }, { trace: 'cd'.repeat(16) }],
  [{ from: '2026-11-21T08:00:00.000Z' }, { time: '2026-11-21T07:59:59.999Z' }],
  [{ until: '2026-11-21T08:00:00.001Z' }, { time: '2026-11-21T08:00:00.001Z' }],
]

test.each(CASES)('an entry that %j does not find is named', (filter, other) => {
  const [[name = '', wanted = ''] = []] = Object.entries(filter)
  expect(mismatch(filter)).toBeUndefined()
  expect(mismatch({})).toBeUndefined()
  expect(mismatch(filter, other)).toBe(
    `Entry 20 is not of what the trailer says was asked for: ${name} ${wanted}.`,
  )
  expect(mismatch({ ...filter, chain: 'acme' }, other)).toContain('Entry 20 is not')
})

test.each<ExportFilter>([
  { chain: 'zenith' },
  { actor: 'agent:bob' },
  { action: 'deal.closed' },
  { action: 'deals.*' },
  { target: 'deal:2' },
  { phase: 'outcome' },
  { trace: '0'.repeat(32) },
  { from: '2026-11-21T08:00:00.001Z' },
  { until: '2026-11-21T08:00:00.000Z' },
])('a filter that finds none of the entries is noticed at the first: %j', (filter) => {
  expect(mismatch(filter)).toContain('Entry 10 is not of what')
})

test('all actions under one are found by it, and no entry that only begins like it', () => {
  const audit = openFilterAudit()
  for (const [nth, action] of ['deal.moved', 'deal.moved.back', 'deal.m', 'deal.x'].entries()) {
    audit.add(nth, { ...ENTRY, action })
  }
  expect(audit.mismatch({ action: 'deal.*' })).toBeUndefined()
  expect(audit.mismatch({ action: 'deal.moved.*' })).toContain('Entry 0 is not')
  audit.add(4, { ...ENTRY, action: 'deal' })
  expect(audit.mismatch({ action: 'deal.*' })).toContain('Entry 4 is not')
})

test('nothing is all of whatever was asked for, and NUL is searched for as PostgreSQL has it', () => {
  expect(openFilterAudit().mismatch({ chain: 'acme' })).toBeUndefined()
  expect(mismatch({ target: 'deal:\ufffd' }, { target: 'deal:\u0000' })).toContain('Entry 10')
  const audit = openFilterAudit()
  audit.add(0, { ...ENTRY, target: 'deal:\u0000' })
  expect(audit.mismatch({ target: 'deal:\ufffd' })).toBeUndefined()
})
