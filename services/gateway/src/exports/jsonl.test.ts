import { expect, test } from '@jest/globals'
import { Value } from 'typebox/value'
import { AuditFilters } from '@mumega/contracts/audit-search'
import { TenantId } from '@mumega/contracts/scalars'
import { FILTER_KEYS, isChainName } from '@mumega/tlog/export-filter'
import { parseExportLine } from '@mumega/tlog/export-line'
import { jsonl } from './jsonl.ts'

const hash = 'ab'.repeat(32)
const root = Buffer.from(hash, 'hex').toString('base64')
const filter = {
  chain: 'acme',
  actor: 'agent:"ada" \u0001 é',
  action: 'deal.*',
  target: 'deal:1',
  phase: 'fact' as const,
  trace: '0'.repeat(32),
  from: '2026-11-21T08:00:00.000Z',
  until: '2026-11-22T08:00:00.000Z',
}
const trailer = {
  exportedAt: '2026-11-21T09:00:00.000Z',
  ...{ disclosed: true, count: 0, size: 1, after: [root], checkpoint: 'note\n' },
}

test('the audit of an export takes its trailer letter for letter, whatever was asked for', () => {
  for (const asked of [filter, {}, { chain: 'substrate' }]) {
    const line = jsonl.end({ ...trailer, filter: asked }).slice(0, -1)
    expect(parseExportLine(line)).toMatchObject({ kind: 'trailer', filter: asked })
  }
})

test('the audit of an export knows the filters of the contract, and their order', () => {
  expect(FILTER_KEYS).toEqual(Object.keys(AuditFilters.properties))
})

test.each([
  'a',
  'substrate',
  'a'.repeat(64),
  'a'.repeat(65),
  '',
  '-a',
  'a-',
  '0-9',
  'A',
  'a_b',
  'a\n',
])('the audit of an export takes for a chain what the contract takes for a tenant: %j', (name) => {
  expect(isChainName(name)).toBe(Value.Check(TenantId, name))
})
