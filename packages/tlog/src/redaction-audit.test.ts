import { expect, test } from '@jest/globals'
import type { LeafEntry } from './entry.ts'
import { redactionTarget } from './receipt.ts'
import { openRedactionAudit } from './redaction-audit.ts'

function anEntry(nth: number): LeafEntry {
  return {
    ...{ v: 1, source: 'bridge', id: `0193a0b0-1111-7000-8000-00000000000${nth}`, seq: nth + 1 },
    ...{ chain: 'acme', time: '2026-11-21T08:00:00.000Z', actor: { id: 'agent:a', kind: 'agent' } },
    ...{ action: 'message.accepted', target: 'message:1', phase: 'fact', trace: 'a'.repeat(32) },
    ...{ payload: 'b'.repeat(64), prev: 'c'.repeat(64) },
  }
}

function recordOf(nth: number): LeafEntry {
  const target = redactionTarget(anEntry(nth))
  return { ...anEntry(9), source: 'audit-ledger', action: 'payload.redacted', target }
}

test('more erasures ahead of their records than are followed accuse nobody, and prove nothing', () => {
  const audit = openRedactionAudit({ waitingMax: 2 })
  for (const nth of [0, 1, 2]) audit.add(nth, { entry: anEntry(nth), isRedacted: true })
  for (const nth of [0, 1, 2]) audit.add(3 + nth, { entry: recordOf(nth), isRedacted: false })

  expect(audit.isOverfull()).toBe(true)
  expect(audit.firstUnmarked()).toBeUndefined()
  expect(audit.figures()).toMatchObject({ proved: 2, unproved: 1 })
})

test('an unmarked erasure is named while all that are marked are followed', () => {
  const audit = openRedactionAudit({ waitingMax: 2 })
  audit.add(0, { entry: anEntry(0), isRedacted: false })
  audit.add(1, { entry: recordOf(0), isRedacted: false })

  expect(audit.isOverfull()).toBe(false)
  expect(audit.firstUnmarked()).toMatch(/^Entry 1 records /)
})
