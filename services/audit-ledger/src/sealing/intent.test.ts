import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import type { AuditIntent } from '@mumega/contracts/audit'
import { canonicalJson } from '@mumega/tlog/canonical'
import { decodeEntry, ENTRY_BYTES_MAX, GENESIS } from '@mumega/tlog/entry'
import { isRefusal, prepareIntent, writeEntry, type PreparedIntent } from './intent.ts'

const ID = '019a0000-0000-7000-8000-000000000001'
const OTHER_ID = '019a0000-0000-7000-8000-000000000002'

function anIntent(fields: Partial<AuditIntent> = {}): AuditIntent {
  return {
    id: ID,
    number: 7,
    chain: 'acme',
    time: '2026-11-21T08:00:00.000Z',
    actor: { id: 'agent:wrïter "one"', kind: 'agent' },
    action: 'deal.moved',
    target: 'deal:42/ü',
    phase: 'fact',
    payload: { b: 1, a: 'text' },
    ...fields,
  }
}

function prepared(intent: AuditIntent): PreparedIntent {
  const result = prepareIntent('crm', intent)
  if (isRefusal(result)) throw new Error(`refused: ${JSON.stringify(result)}`)
  return result
}

/** The entry that the intent becomes at this place. */
function entryOf(intent: AuditIntent, seq = 1): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES_MAX)
  const prev = seq === 1 ? GENESIS : 'cd'.repeat(32)
  return bytes.subarray(0, writeEntry(bytes, 0, { intent: prepared(intent), prev, seq }))
}

test.each([
  ['a fact', anIntent()],
  ['an outcome', anIntent({ phase: 'outcome', of: OTHER_ID })],
  ['a traced one', anIntent({ traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` })],
])('the entry of %s is canonical to the byte', (_name, intent) => {
  const bytes = entryOf(intent, 12)

  // decodeEntry refuses whatever is not what encodeEntry writes.
  expect(decodeEntry(bytes)).toEqual({
    v: 1,
    source: 'crm',
    id: intent.id,
    chain: intent.chain,
    seq: 12,
    prev: 'cd'.repeat(32),
    time: intent.time,
    actor: intent.actor,
    action: intent.action,
    target: intent.target,
    phase: intent.phase,
    ...(intent.of !== undefined && { of: intent.of }),
    trace: intent.traceparent === undefined ? '0'.repeat(32) : '1'.repeat(32),
    payload: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
})

test('an intent is known again by all that it says, but for the trace it was said in', () => {
  const { traceparent: _, ...said } = anIntent({ phase: 'outcome', of: OTHER_ID })
  const expected = hash('sha256', canonicalJson(said), 'binary')

  expect(prepared({ ...said }).intentHash).toBe(expected)
  const traced = { ...said, traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }
  expect(prepared(traced).intentHash).toBe(expected)
  expect(prepared({ ...said, number: 8 }).intentHash).not.toBe(expected)
  expect(prepared({ ...said, payload: { a: 'text', b: 2 } }).intentHash).not.toBe(expected)
})

test('no intent that fits the contract makes an entry over the limit', () => {
  const widest = '\u{10ffff}'
  const largest = anIntent({
    chain: 'a'.repeat(64),
    actor: { id: widest.repeat(200), kind: 'service' },
    action: `${'a'.repeat(49)}.${'b'.repeat(50)}`,
    target: `a:${widest.repeat(298)}`,
    phase: 'outcome',
    of: OTHER_ID,
  })
  const escaped = anIntent({ actor: { id: '\u0001'.repeat(200), kind: 'service' } })

  expect(entryOf(largest, Number.MAX_SAFE_INTEGER).length).toBeLessThan(ENTRY_BYTES_MAX)
  expect(entryOf(escaped, Number.MAX_SAFE_INTEGER).length).toBeLessThan(ENTRY_BYTES_MAX)
})

test.each<[string, unknown]>([
  ['no object', 'text'],
  ['no id', { ...anIntent(), id: undefined }],
  ['an upper-case id', anIntent({ id: ID.toUpperCase().replace('19A', '19B') })],
  ['a chain with a space', anIntent({ chain: 'a b' })],
  ['a time that no calendar has', anIntent({ time: '2026-13-41T08:00:00.000Z' })],
  ['an outcome that closes nothing', anIntent({ phase: 'outcome' })],
  ['a fact that closes something', anIntent({ of: OTHER_ID })],
  ['half a character', anIntent({ target: 'deal:\ud800' })],
  ['half a character in its payload', anIntent({ payload: { text: '\udfff' } })],
  ['a list for a payload', { ...anIntent(), payload: [] }],
  ['a text for a payload', { ...anIntent(), payload: 'text' }],
  ['nothing for a payload', { ...anIntent(), payload: null }],
])('an intent with %s is refused with a reason', (_name, candidate) => {
  const result = prepareIntent('crm', candidate)

  expect(result).toMatchObject({ kind: 'malformed', reason: expect.stringMatching(/\w/) })
})

test('a payload of 64 KiB is taken and one byte more is refused, with its size', () => {
  const empty = canonicalJson({ text: '' }).length
  const full = { text: 'x'.repeat(65_536 - empty) }

  expect(isRefusal(prepareIntent('crm', anIntent({ payload: full })))).toBe(false)
  const over = anIntent({ payload: { text: `${full.text}x` } })
  expect(prepareIntent('crm', over)).toEqual({ kind: 'payload-too-large', actualBytes: 65_537 })
})
