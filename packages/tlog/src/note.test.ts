import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts'
import {
  inclusionProof,
  leafHash,
  consistencyProof,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'
import {
  cosign,
  COSIGNATURE,
  generateVkey,
  NoteError,
  openNote,
  parseVkey,
  signerFromSeed,
  signNote,
  type Verifier,
} from './note.ts'
import { encodeEntryBundle } from './tiles.ts'

// The worked example: Go's note.Sign and note.Open gave the same bytes.
const LOG_VKEY = 'ledger.example.com/main+678e6b98+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c'
const WITNESS_VKEY = 'witness.example.com/w1+745fb5e8+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU'
const CHECKPOINT = `ledger.example.com/main
3
PbZ2Ze6owm3jQWaMHTGZ9h3kt4CoKFaaiYzkjCjZMfM=

— ledger.example.com/main Z45rmM5wAyWQiMZP0N1AVVrbYKe4IJhP2vceILpFTwEwnYgTYo7bR8MEDnmOHYo8s+qI5PU2XUq+UFvmOLcboLJsSQM=
`
const COSIGNATURE_LINE =
  '— witness.example.com/w1 dF+16AAAAABpVbkAYMq63O3EAC4pObcrx4iJRnGd0M+C5qd1jtgVc+yhFii+0yErpP3tu+K8kauIj9Jazz3p1oeF93AWMYm1M4gAAg==\n'

const log = signerFromSeed('ledger.example.com/main', Buffer.alloc(32, 1))
const witness = signerFromSeed('witness.example.com/w1', Buffer.alloc(32, 2), COSIGNATURE)
const verifiers = [parseVkey(LOG_VKEY), parseVkey(WITNESS_VKEY)]
const entries = [0, 1, 2].map((seq) => Buffer.from(`{"seq":${seq}}`))
const leaves = entries.map(leafHash)
const hexOf = (bytes: readonly Buffer[]) => bytes.map((one) => one.toString('hex'))
const hashAt = (level: number, index: number) =>
  rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))

test('keys, leaves, roots and bundles are those of the worked example, byte for byte', () => {
  expect(log.publicKey.toString('hex')).toBe(
    '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
  )
  expect(generateVkey(log.name, log.publicKey)).toBe(LOG_VKEY)
  expect(generateVkey(witness.name, witness.publicKey, COSIGNATURE)).toBe(WITNESS_VKEY)
  expect(hexOf(leaves)).toEqual([
    'a402b0e36f5aae85457360fcf00a2545b87dd47f310553e7b0d32d6d0ac4400d',
    'b119a77a4864308c481efb947ff723d6bd4ea1e7fab902eb8ca98bd759e46aee',
    'd3e0a62a8f7a9256c8beb715afded83e4326d2c47379d259b1709a840ad2f11d',
  ])
  expect(hexOf([rootOf(leaves.slice(0, 2)), rootOf(leaves)])).toEqual([
    'fc52d71a368a798fd96ec7e5b7ee5f8f9fdd10c7ff9ab146c4eac1e6a0a1b10a',
    '3db67665eea8c26de341668c1d3199f61de4b780a828569a898ce48c28d931f3',
  ])
  expect(encodeEntryBundle(entries).toString('hex')).toBe(
    '00097b22736571223a307d00097b22736571223a317d00097b22736571223a327d',
  )
})

test('checkpoint and cosignature are those of the worked example, byte for byte', () => {
  const text = formatCheckpoint({ origin: log.name, size: 3, root: rootOf(leaves) })

  expect(signNote(text, log)).toBe(CHECKPOINT)
  expect(cosign(text, witness, 1_767_225_600)).toBe(COSIGNATURE_LINE)
  const opened = openNote(CHECKPOINT + COSIGNATURE_LINE, verifiers)
  expect(parseCheckpoint(opened.text)).toEqual({
    origin: log.name,
    size: 3,
    root: rootOf(leaves),
  })
  expect(opened.signatures).toEqual([
    { name: log.name, keyId: 0x678e6b98 },
    { name: witness.name, keyId: 0x745fb5e8, timeSeconds: 1_767_225_600 },
  ])
})

test('the proofs of the worked example are its own', () => {
  const inclusion = inclusionProof(3, 1, hashAt)
  const consistency = consistencyProof(2, 3, hashAt)

  expect(hexOf(inclusion)).toEqual(hexOf([0, 2].map((at) => leaves[at] ?? Buffer.alloc(0))))
  expect(consistency.map((hash) => hash.toString('base64'))).toEqual([
    '0+CmKo96klbIvrcVr97YPkMm0sRzedJZsXCahArS8R0=',
  ])
  const root = rootOf(leaves)
  const leaf = leafHash(Buffer.from('{"seq":1}'))
  expect(verifyInclusion({ leafHash: leaf, index: 1, size: 3, proof: inclusion, root })).toBe(true)
  const oldRoot = rootOf(leaves.slice(0, 2))
  expect(
    verifyConsistency({ oldSize: 2, newSize: 3, oldRoot, newRoot: root, proof: consistency }),
  ).toBe(true)
})

test('a key by which everybody can sign is none', () => {
  // The identity and its other spellings, and the points of order 2, 4 and 8.
  const points = [
    ...['01'.padEnd(64, '0'), `01${'00'.repeat(30)}80`, '00'.repeat(32), `${'00'.repeat(31)}80`],
    ...[`ec${'ff'.repeat(30)}7f`, `ec${'ff'.repeat(31)}`, `ed${'ff'.repeat(30)}7f`],
    ...[`ed${'ff'.repeat(31)}`, `ee${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(31)}`],
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  ]
  for (const point of points) {
    const vkey = generateVkey('witness.example.com', Buffer.from(point, 'hex'))
    expect(() => parseVkey(vkey)).toThrow('everybody can sign')
  }
})

function faultOf(note: string | Uint8Array, known: readonly Verifier[] = verifiers): string {
  try {
    openNote(note, known)
    return 'opened'
  } catch (error) {
    if (error instanceof NoteError) return error.fault
    throw error
  }
}

const stranger = signerFromSeed('stranger.example.com', Buffer.alloc(32, 3))
const lineOf = (note: string) => note.slice(note.lastIndexOf('\n\n') + 2)
const text = 'one\n\ntwo\n'
const note = signNote(text, log)

test('lines of unknown keys are set aside, even under a known name, and none suffices', () => {
  const homonym = signerFromSeed(log.name, Buffer.alloc(32, 4))
  const opened = openNote(
    note + lineOf(signNote(text, stranger)) + lineOf(signNote(text, homonym)),
    verifiers,
  )

  expect(opened.text).toBe(text)
  expect(opened.signatures).toHaveLength(1)
  expect(opened.unverified).toEqual([
    { name: stranger.name, keyId: stranger.keyId },
    { name: log.name, keyId: homonym.keyId },
  ])
  expect(faultOf(signNote(text, stranger))).toBe('unverified')
})

test('one bad signature of a known key rejects a note that is otherwise well signed', () => {
  const other = lineOf(signNote('another\n', log))
  const witnessed = cosign(text, witness, 5)

  expect(faultOf(signNote(text, log) + cosign('another\n', witness, 5))).toBe('invalid-signature')
  expect(faultOf(`${text}\n${other}`)).toBe('invalid-signature')
  expect(openNote(`${text}\n${witnessed}`, verifiers).signatures[0]?.timeSeconds).toBe(5)
})

test('at most a hundred signature lines are read, and a repeated one counts once', () => {
  const line = lineOf(note)

  expect(openNote(`${text}\n${line.repeat(100)}`, verifiers).signatures).toHaveLength(1)
  expect(faultOf(`${text}\n${line.repeat(101)}`)).toBe('malformed')
})

test.each([
  ['no blank line', note.replaceAll('\n\n', '\n')],
  ['no signature', `${text}\n`],
  ['no newline at the end', note.slice(0, -1)],
  ['a hyphen for the dash', note.replace('—', '-')],
  ['no key name', `${text}\n—  ${'A'.repeat(92)}\n`],
  ['a space of another kind in the key name', `${text}\n— a\u00a0b ${'A'.repeat(92)}\n`],
  ['a plus sign in the key name', `${text}\n— a+b ${'A'.repeat(92)}\n`],
  ['a signature that is only a key id', `${text}\n— ledger.example.com/main Z45rmA==\n`],
  ['a signature that is not base64', `${text}\n— ledger.example.com/main Z45r!!!!\n`],
  ['a signature without padding', `${text}\n— ledger.example.com/main Z45rmAA\n`],
  ['a carriage return', note.replace('one\n', 'one\r\n')],
  ['a tab', note.replace('one', 'o\te')],
  ['a lone surrogate', note.replace('one', '\ud800')],
  ['bytes that are not UTF-8', Buffer.concat([Buffer.of(0xff), Buffer.from(note)])],
])('what is not a note is refused as malformed: %s', (_, damaged) => {
  expect(faultOf(damaged)).toBe('malformed')
})

test('whatever one changes in a note, it never opens to another text', () => {
  const edit = fc.tuple(fc.nat({ max: CHECKPOINT.length - 1 }), fc.string({ unit: 'binary' }))

  fc.assert(
    fc.property(edit, fc.nat({ max: 3 }), ([at, insert], cut) => {
      const changed = CHECKPOINT.slice(0, at) + insert + CHECKPOINT.slice(at + cut)
      try {
        expect(openNote(changed, verifiers).text).toBe(openNote(CHECKPOINT, verifiers).text)
      } catch (error) {
        if (!(error instanceof NoteError)) throw error
      }
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  ['another id', LOG_VKEY.replace('678e6b98', '678e6b99')],
  ['an id in capitals', LOG_VKEY.replace('678e6b98', '678E6B98')],
  ['another name', LOG_VKEY.replace('main', 'side')],
  ['a type that is not supported', 'x+00000000+Bkqia9R0CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c'],
  ['a key cut short', LOG_VKEY.slice(0, -4)],
  ['a newline', `${LOG_VKEY}\n`],
  ['nothing', ''],
])('a verifier key is taken only as it was generated: %s', (_, vkey) => {
  expect(() => parseVkey(vkey)).toThrow(TypeError)
})

test('a key name is refused when it could not be told from the rest of a line', () => {
  for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u2003b']) {
    expect(() => signerFromSeed(name, Buffer.alloc(32))).toThrow(TypeError)
  }
})
