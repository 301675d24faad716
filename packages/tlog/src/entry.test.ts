import { expect, test } from '@jest/globals'
import {
  commitPayload,
  decodeEntry,
  encodeEntry,
  ENTRY_BYTES_MAX,
  entryHash,
  GENESIS,
  PAYLOAD_BYTES_MAX,
  type LeafEntry,
} from './entry.ts'

const fact: LeafEntry = {
  v: 1,
  source: 'bridge',
  id: '0193a0b0-1111-7000-8000-000000000001',
  chain: 'acme',
  seq: 1,
  prev: GENESIS,
  time: '2026-11-21T08:00:00.000Z',
  actor: { id: 'agent:kasra', kind: 'agent' },
  action: 'message.accepted',
  target: 'message:0193a0b0-1111-7000-8000-000000000001',
  phase: 'fact',
  trace: '4bf92f3577b34da6a3ce929d0e0e4736',
  payload: 'ab'.repeat(32),
}
const outcome: LeafEntry = { ...fact, phase: 'outcome', of: fact.id }

test('an entry has one encoding, whatever the order of its keys, and reads back the same', () => {
  const reversed = Object.fromEntries(Object.entries(fact).reverse()) as unknown as LeafEntry

  expect(encodeEntry(reversed)).toEqual(encodeEntry(fact))
  expect(decodeEntry(encodeEntry(fact))).toEqual(fact)
  expect(decodeEntry(encodeEntry(outcome))).toEqual(outcome)
  expect(encodeEntry(fact).toString()).toBe(
    '{"action":"message.accepted","actor":{"id":"agent:kasra","kind":"agent"},"chain":"acme",' +
      `"id":"${fact.id}","payload":"${fact.payload}","phase":"fact","prev":"${GENESIS}","seq":1,` +
      `"source":"bridge","target":"${fact.target}","time":"2026-11-21T08:00:00.000Z",` +
      `"trace":"${fact.trace}","v":1}`,
  )
})

test('the chain goes on from the hash of the bytes', () => {
  // By `printf … | sha256sum`.
  expect(entryHash(Buffer.from('abc')).toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

const wrong: [what: string, entry: Record<string, unknown>][] = [
  ['another version', { ...fact, v: 2 }],
  ['a stray key', { ...fact, note: 'x' }],
  ['a missing key', { ...fact, trace: undefined }],
  ['a sequence from 0', { ...fact, seq: 0 }],
  ['a first entry with a previous one', { ...fact, prev: 'ab'.repeat(32) }],
  ['a later entry without a previous one', { ...fact, seq: 2 }],
  ['upper-case hex', { ...fact, payload: 'AB'.repeat(32) }],
  ['a time without milliseconds', { ...fact, time: '2026-11-21T08:00:00Z' }],
  ['a day that does not exist', { ...fact, time: '2026-02-30T08:00:00.000Z' }],
  ['an actor of no known kind', { ...fact, actor: { id: 'x', kind: 'robot' } }],
  ['an actor with a stray key', { ...fact, actor: { ...fact.actor, name: 'x' } }],
  ['no action', { ...fact, action: '' }],
  ['an unknown phase', { ...fact, phase: 'rumour' }],
  ['a fact that closes an intent', { ...fact, of: fact.id }],
  ['an outcome of nothing', { ...fact, phase: 'outcome' }],
]

test.each(wrong)('what is not an entry is neither written nor read: %s', (_, entry) => {
  expect(() => encodeEntry(entry as unknown as LeafEntry)).toThrow(TypeError)
  expect(() => decodeEntry(Buffer.from(JSON.stringify(entry)))).toThrow(TypeError)
})

const text = encodeEntry(fact).toString()
const respelled: [what: string, bytes: Buffer][] = [
  ['white space', Buffer.from(text.replace(',', ', '))],
  ['an escape that is not needed', Buffer.from(text.replace('acme', '\\u0061cme'))],
  ['another spelling of a number', Buffer.from(text.replace('"v":1', '"v":1.0'))],
  ['another order', Buffer.from(JSON.stringify(fact))],
  ['a key twice', Buffer.from(text.replace('"v":1', '"v":1,"v":1'))],
  ['a byte order mark', Buffer.from(`\ufeff${text}`)],
  ['a byte after the end', Buffer.from(`${text}\n`)],
  ['bytes that are not UTF-8', Buffer.from(text.replace('acme', 'acm\xff'), 'latin1')],
  ['a lone surrogate', Buffer.from(text.replace('acme', '\\ud800'))],
  ['nothing', Buffer.alloc(0)],
  ['another type', Buffer.from('[]')],
]

test.each(respelled)('an entry is read from its canonical bytes only: %s', (_, bytes) => {
  expect(() => decodeEntry(bytes)).toThrow(TypeError)
})

test('an entry of exactly the limit is written, and one byte more is refused', () => {
  const room = ENTRY_BYTES_MAX - encodeEntry({ ...fact, target: 'x' }).length + 1
  const largest = encodeEntry({ ...fact, target: 'x'.repeat(room) })

  expect(largest).toHaveLength(ENTRY_BYTES_MAX)
  expect(decodeEntry(largest).target).toHaveLength(room)
  expect(() => encodeEntry({ ...fact, target: 'x'.repeat(room + 1) })).toThrow(RangeError)
  expect(() => decodeEntry(Buffer.concat([largest, Buffer.from(' ')]))).toThrow(RangeError)
})

test('the commitment is of the salt and of the canonical payload', () => {
  const salt = Buffer.alloc(32, 7)
  const commitment = commitPayload(salt, { b: 2, a: 'ä' }).toString('hex')

  // By `(head -c 32 /dev/zero | tr '\0' '\7'; printf '{"a":"ä","b":2}') | sha256sum`.
  expect(commitment).toBe('e25386e30e4e03ee87757b0c81ac1dbdfe196d40c99ad5b11e589702e75b5b05')
  expect(commitPayload(salt, { a: 'ä', b: 2 }).toString('hex')).toBe(commitment)
  expect(commitPayload(Buffer.alloc(32, 8), { a: 'ä', b: 2 }).toString('hex')).not.toBe(commitment)
})

test('a payload of exactly the limit is committed to, and one byte more is refused', () => {
  const salt = Buffer.alloc(32)
  const envelope = '{"text":""}'.length

  expect(commitPayload(salt, { text: 'x'.repeat(PAYLOAD_BYTES_MAX - envelope) })).toHaveLength(32)
  expect(() => commitPayload(salt, { text: 'x'.repeat(PAYLOAD_BYTES_MAX - envelope + 1) })).toThrow(
    RangeError,
  )
  expect(() => commitPayload(Buffer.alloc(31), {})).toThrow(RangeError)
})
