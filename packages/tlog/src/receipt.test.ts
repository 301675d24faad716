import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatCheckpoint } from './checkpoint.ts'
import { commitPayload, encodeEntry, entryHash, GENESIS, type LeafEntry } from './entry.ts'
import { inclusionProof, leafHash, rootOf } from './merkle.ts'
import { COSIGNATURE, generateVkey, signerFromSeed, signNote, type Signer } from './note.ts'
import { formatProof } from './proof-file.ts'
import { redactionTarget, verifyReceipt, type ReceiptClaim } from './receipt.ts'

const log = signerFromSeed('ledger.example.com/main', Buffer.alloc(32, 1))
const vkey = generateVkey(log.name, log.publicKey)
const salt = Buffer.alloc(32, 7)
const payload = { text: 'hello', to: 'mizan' }
const disclosure = JSON.stringify({ salt: salt.toString('hex'), payload })

/** A chain of `count` entries; `changes` are made to its last one. */
function givenChain(count: number, changes: Partial<LeafEntry> = {}): Buffer[] {
  const entries: Buffer[] = []
  for (let seq = 1; seq <= count; seq += 1) {
    const previous = entries.at(-1)
    const entry: LeafEntry = {
      v: 1,
      source: 'bridge',
      id: `0193a0b0-1111-7000-8000-${String(seq).padStart(12, '0')}`,
      chain: 'acme',
      seq,
      prev: previous === undefined ? GENESIS : entryHash(previous).toString('hex'),
      time: '2026-11-21T08:00:00.000Z',
      actor: { id: 'agent:kasra', kind: 'agent' },
      action: 'message.accepted',
      target: `message:${seq}`,
      phase: 'fact',
      trace: '4bf92f3577b34da6a3ce929d0e0e4736',
      payload: commitPayload(salt, payload).toString('hex'),
    }
    entries.push(encodeEntry(seq === count ? { ...entry, ...changes } : entry))
  }
  return entries
}

interface Anchor {
  signer?: Signer
  origin?: string
}

function givenReceipt(entries: Buffer[], index: number, anchor: Anchor = {}): string {
  const { signer = log, origin = log.name } = anchor
  const leaves = entries.map(leafHash)
  const hashAt = (level: number, at: number) =>
    rootOf(leaves.slice(at * 2 ** level, (at + 1) * 2 ** level))
  const checkpoint = formatCheckpoint({ origin, size: entries.length, root: rootOf(leaves) })
  return formatProof({
    extra: entryAt(entries, index),
    index,
    hashes: inclusionProof(entries.length, index, hashAt),
    checkpoint: signNote(checkpoint, signer),
  })
}

function entryAt(entries: Buffer[], index: number): Buffer {
  const entry = entries[index]
  if (entry === undefined) throw new Error(`no entry ${index}`)
  return entry
}

const statusOf = (claim: Partial<ReceiptClaim> & { text: string }) =>
  verifyReceipt({ vkey, ...claim }).status

const entries = givenChain(11)
const text = givenReceipt(entries, 4)
const pending = formatProof({ extra: entryAt(entries, 4), index: 4, hashes: [] })

test('every entry of a signed log has a receipt that is valid, and says what it is of', () => {
  for (const index of entries.keys()) {
    const verdict = verifyReceipt({ text: givenReceipt(entries, index), vkey })
    expect(verdict).toMatchObject({ status: 'valid', index, isPayloadVerified: false })
    expect(verdict.entry?.seq).toBe(index + 1)
    expect(verdict.checkpoint?.size).toBe(11)
  }
})

test('a disclosed payload is verified against the commitment in the entry', () => {
  const verdict = verifyReceipt({ text, vkey, disclosure })

  expect(verdict).toMatchObject({ status: 'valid', isPayloadVerified: true })
})

test('a pending receipt proves nothing yet, and says so', () => {
  expect(verifyReceipt({ text: pending, vkey })).toMatchObject({
    status: 'not-anchored',
    entry: { seq: 5 },
  })
})

const elsewhere = signerFromSeed(log.name, Buffer.alloc(32, 9))
const forgedEntry = givenChain(5, { action: 'message.refused' }).at(-1) ?? Buffer.alloc(0)

test.each([
  ['the entry is another one', text.replace(/extra .*/, `extra ${forgedEntry.toString('base64')}`)],
  ['the place is another one', text.replace('index 4', 'index 5')],
  ['the place is beyond the log', text.replace('index 4', 'index 11')],
  [
    'the checkpoint is of a fork',
    givenReceipt(givenChain(11, { action: 'x.y' }), 4).replace(
      /(?<=\n\n)[^]*/,
      text.slice(text.indexOf('\n\n') + 2),
    ),
  ],
  ['another key signed', givenReceipt(entries, 4, { signer: elsewhere })],
  ['the key signed another log', givenReceipt(entries, 4, { origin: 'example.com/other' })],
  ['the signed text was changed', text.replace('\n11\n', '\n12\n')],
])('a receipt that is not true has diverged: %s', (_, forged) => {
  expect(statusOf({ text: forged })).toBe('diverged')
  const disclosed = { status: 'diverged', isPayloadVerified: false }
  expect(verifyReceipt({ text: forged, vkey, disclosure })).toMatchObject(disclosed)
})

test.each([
  ['nothing', ''],
  ['no entry in it', text.replace(/extra .*\n/, '')],
  ['an entry that is not canonical', text.replace(/extra .*/, 'extra e30=')],
  ['a checkpoint without signatures', text.replace(/\n— [^]*/, '\n')],
  ['an entry twice', text.replace(/(extra .*\n)/, '$1$1')],
])('what is not a receipt is malformed: %s', (_, broken) => {
  expect(statusOf({ text: broken })).toBe('malformed')
})

test.each([
  ['another payload', JSON.stringify({ salt: salt.toString('hex'), payload: {} })],
  ['another salt', JSON.stringify({ salt: 'ab'.repeat(32), payload })],
  ['a payload over the limit', JSON.stringify({ salt: 'ab'.repeat(32), payload: 'x'.repeat(7e4) })],
])('a disclosure that the entry does not commit to has diverged: %s', (_, disclosed) => {
  expect(statusOf({ text, disclosure: disclosed })).toBe('diverged')
  expect(statusOf({ text: pending, disclosure: disclosed })).toBe('diverged')
})

test.each([
  '',
  'null',
  '[]',
  '{}',
  '{"salt":"AB"}',
  '{"redacted":true}',
  JSON.stringify({ salt: salt.toString('hex'), payload, note: 'x' }),
  JSON.stringify({ salt: salt.toString('hex'), payload, redacted: false }),
  JSON.stringify({ redacted: true, receipt: '', payload }),
  `{"salt":"${'a'.repeat(64)}"}`,
])('a disclosure of no known form is malformed: %s', (disclosed) => {
  expect(statusOf({ text, disclosure: disclosed })).toBe('malformed')
})

const committed = { ...payload, sum: 9007199254740992 }
const exact = JSON.stringify({ salt: salt.toString('hex'), payload: committed })

test.each([
  [
    'a rounded number',
    exact.replace('740992', '740993'),
    'the number 9007199254740993 is not exact',
  ],
  [
    'a key that is overridden',
    exact.replace('{"text"', '{"text":"bye","text"'),
    'the key "text" stands there twice',
  ],
  [
    'a payload before the payload',
    exact.replace('{', '{"payload":{"text":"bye"},'),
    'the key "payload" stands there twice',
  ],
])('a disclosure that a person reads differently is malformed: %s', (_, disclosed, why) => {
  const commitment = commitPayload(salt, committed).toString('hex')
  const receipt = givenReceipt(givenChain(3, { payload: commitment }), 2)

  expect(statusOf({ text: receipt, disclosure: exact })).toBe('valid')
  expect(verifyReceipt({ text: receipt, vkey, disclosure: disclosed })).toMatchObject({
    status: 'malformed',
    reason: `The file is not a disclosure: ${why}.`,
    isPayloadVerified: false,
  })
})

const target = redactionTarget({ source: 'bridge', id: '0193a0b0-1111-7000-8000-000000000005' })
const redaction = { source: 'audit-ledger', action: 'payload.redacted', target }
const erased = (changes: Partial<LeafEntry>, index = 11) =>
  JSON.stringify({ redacted: true, receipt: givenReceipt(givenChain(12, changes), index) })

test('an erased payload is redacted when the same log holds the entry that says so', () => {
  const redacted = erased(redaction)

  expect(verifyReceipt({ text, vkey, disclosure: redacted })).toMatchObject({
    status: 'redacted',
    isPayloadVerified: false,
    entry: { seq: 5 },
    redaction: { seq: 12 },
  })
  expect(statusOf({ text: pending, disclosure: redacted })).toBe('not-anchored')
})

test.each([
  ['another act', erased({ ...redaction, action: 'x.y' })],
  ['by another service', erased({ ...redaction, source: 'bridge' })],
  ['that is only meant', erased({ ...redaction, phase: 'intent' })],
  ['of another entry', erased({ ...redaction, target: `${target}0` })],
  ['in another chain', erased({ ...redaction, chain: 'other' })],
  [
    'before the entry',
    JSON.stringify({
      redacted: true,
      receipt: givenReceipt(givenChain(3, redaction), 2),
    }),
  ],
  ['of its own proof', JSON.stringify({ redacted: true, receipt: text })],
  [
    'signed by another key',
    JSON.stringify({
      redacted: true,
      receipt: givenReceipt(givenChain(12, redaction), 11, {
        signer: elsewhere,
      }),
    }),
  ],
])('an erasure that the log does not record is not believed: %s', (_, disclosed) => {
  expect(statusOf({ text, disclosure: disclosed })).toBe('diverged')
})

test('an erasure that is not anchored yet is not redacted yet', () => {
  const sealed = givenChain(12, redaction).at(-1)
  const receipt = formatProof({ extra: sealed ?? Buffer.alloc(0), index: 11, hashes: [] })

  expect(statusOf({ text, disclosure: JSON.stringify({ redacted: true, receipt }) })).toBe(
    'not-anchored',
  )
})

test('only the key of a log verifies receipts', () => {
  const witness = signerFromSeed(log.name, Buffer.alloc(32, 1), COSIGNATURE)

  for (const key of ['', generateVkey(log.name, witness.publicKey, COSIGNATURE)]) {
    expect(() => verifyReceipt({ text, vkey: key })).toThrow(TypeError)
  }
})

test('whatever one changes in a receipt, it never proves another entry or place', () => {
  const edit = fc.tuple(fc.nat({ max: text.length - 1 }), fc.string({ unit: 'binary' }))
  const original = verifyReceipt({ text, vkey })

  fc.assert(
    fc.property(edit, fc.nat({ max: 3 }), ([at, insert], cut) => {
      const changed = text.slice(0, at) + insert + text.slice(at + cut)
      const verdict = verifyReceipt({ text: changed, vkey })
      if (verdict.status === 'valid') expect(verdict).toEqual(original)
    }),
    { numRuns: 2_000 },
  )
})
