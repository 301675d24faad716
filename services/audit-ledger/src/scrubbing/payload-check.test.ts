import { expect, test } from '@jest/globals'
import { hash } from 'node:crypto'
import type { LeafEntry } from '@mumega/tlog/entry'
import { ERASED_HASH } from '../sealing/log-repository.ts'
import { openPassFindings } from './finding.ts'
import { checkPayload } from './payload-check.ts'

const salt = Buffer.alloc(32, 7)
const payload = Buffer.from('{"text":"yes"}')
const commitment = hash('sha256', Buffer.concat([salt, payload]), 'hex')
const entry = {
  ...{ source: 'bridge', id: '0193aaaa-0000-7000-8000-000000000001', chain: 'acme', seq: 1 },
  ...{ action: 'deal.made', actor: { id: 'agent:ada', kind: 'agent' }, phase: 'fact' },
  ...{ target: 'deal:1', time: '2026-11-21T08:00:00.000Z', payload: commitment },
} as unknown as LeafEntry
const redaction = { redactionId: '0193aaaa-0000-7000-8000-000000000002', bytes: undefined }
const erasedKey = { chain: 'acme', seq: 1, number: 1, index: 5, intentHash: ERASED_HASH }

function judge({ isLate, isRedacted }: { isLate: boolean; isRedacted: boolean }) {
  const findings = openPassFindings()
  checkPayload({ findings, isLate: () => isLate }, { entry, index: 5, isInDoubt: false } as never, {
    disclosed: { salt, payload },
    key: erasedKey as never,
    redaction: isRedacted ? redaction : undefined,
  })
  return { found: findings.takeNew(), hidden: findings.hidden() }
}

test('a payload that was erased between two readings is judged by a later pass', () => {
  expect(judge({ isRedacted: true, isLate: false })).toEqual({ found: [], hidden: 1 })
})

test('a payload that stands though it was erased is found, and none of its hashes is told', () => {
  const { found } = judge({ isRedacted: true, isLate: true })

  expect(found).toEqual([
    { kind: 'payload-altered', place: 'entry 5', expected: 'none', found: 'one again' },
  ])
})

test('a key that says erased where nothing was is found, and no hash of the payload is told', () => {
  expect(judge({ isRedacted: false, isLate: false }).found).toMatchObject([
    { kind: 'key-altered', found: 'another hash' },
  ])
})
