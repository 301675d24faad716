import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cosign, COSIGNATURE, type NoteError, openNote, parseVkey, signerFromSeed } from './note.ts'
import {
  appendSignatures,
  findCosignature,
  formatAddCheckpoint,
  parseAddCheckpoint,
} from './witness.ts'

// The worked example: checkpoint and cosignature are what Go's packages made of the same seeds.
const CHECKPOINT = `ledger.example.com/main
3
PbZ2Ze6owm3jQWaMHTGZ9h3kt4CoKFaaiYzkjCjZMfM=

— ledger.example.com/main Z45rmM5wAyWQiMZP0N1AVVrbYKe4IJhP2vceILpFTwEwnYgTYo7bR8MEDnmOHYo8s+qI5PU2XUq+UFvmOLcboLJsSQM=
`
const TEXT = CHECKPOINT.slice(0, CHECKPOINT.indexOf('\n\n') + 1)
const LINE =
  '— witness.example.com/w1 dF+16AAAAABpVbkAYMq63O3EAC4pObcrx4iJRnGd0M+C5qd1jtgVc+yhFii+0yErpP3tu+K8kauIj9Jazz3p1oeF93AWMYm1M4gAAg==\n'
const WITNESS = parseVkey(
  'witness.example.com/w1+745fb5e8+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU',
)
const LOG = parseVkey(
  'ledger.example.com/main+678e6b98+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c',
)
const witness = signerFromSeed('witness.example.com/w1', Buffer.alloc(32, 2), COSIGNATURE)
const PROOF = [
  Buffer.from('d3e0a62a8f7a9256c8beb715afded83e4326d2c47379d259b1709a840ad2f11d', 'hex'),
]

test('a submission is that of the worked example, byte for byte, and reads back', () => {
  const body = formatAddCheckpoint({ oldSize: 2, proof: PROOF, checkpoint: CHECKPOINT })

  expect(body).toBe(`old 2\n0+CmKo96klbIvrcVr97YPkMm0sRzedJZsXCahArS8R0=\n\n${CHECKPOINT}`)
  expect(parseAddCheckpoint(body)).toEqual({ oldSize: 2, proof: PROOF, checkpoint: CHECKPOINT })
  const first = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: CHECKPOINT })
  expect(first).toBe(`old 0\n\n${CHECKPOINT}`)
})

test('the cosignature of the worked example is found, verified and carried by the note', () => {
  expect(findCosignature(CHECKPOINT, LINE, WITNESS)).toEqual({
    line: LINE,
    timeSeconds: 1_767_225_600,
  })
  const note = appendSignatures(CHECKPOINT, [LINE])
  expect(note).toBe(CHECKPOINT + LINE)
  expect(openNote(note, [LOG, WITNESS]).signatures).toHaveLength(2)
})

test('of several lines only that of the witness counts, wherever it stands', () => {
  const stranger = signerFromSeed('stranger.example', Buffer.alloc(32, 3), COSIGNATURE)
  const homonym = signerFromSeed(witness.name, Buffer.alloc(32, 4), COSIGNATURE)
  const others = [stranger, homonym].map((signer) => cosign(TEXT, signer, 7)).join('')

  expect(findCosignature(CHECKPOINT, others + LINE, WITNESS).line).toBe(LINE)
  expect(() => findCosignature(CHECKPOINT, others, WITNESS)).toThrow('no known key')
})

const flipped = LINE.replace('AAg==', 'AQg==')

test.each([
  [
    'over another checkpoint',
    cosign(TEXT.replace('\n3\n', '\n4\n'), witness, 7),
    'invalid-signature',
  ],
  ['with a bit flipped', flipped, 'invalid-signature'],
  [
    'with another time than was signed',
    LINE.replace('AAAAABpVbkA', 'AAAAABpVbkB'),
    'invalid-signature',
  ],
  ['cut short', '— witness.example.com/w1 dF+16AAAAABpVbkA\n', 'invalid-signature'],
  ['none', '', 'malformed'],
  ['without its newline', LINE.slice(0, -1), 'malformed'],
  ['behind a text of its own', `${TEXT}\n${LINE}`, 'malformed'],
  ['with a carriage return', LINE.replace('\n', '\r\n'), 'malformed'],
])('a cosignature that is not one is not taken: %s', (_, lines, fault) => {
  let seen = 'taken'
  try {
    findCosignature(CHECKPOINT, lines, WITNESS)
  } catch (error) {
    seen = (error as NoteError).fault
  }
  expect(seen).toBe(fault)
})

test('whatever a witness answers, it is a verified line or a NoteError', () => {
  const edit = fc.tuple(
    fc.nat({ max: LINE.length }),
    fc.string({ unit: 'binary' }),
    fc.nat({ max: 3 }),
  )

  fc.assert(
    fc.property(edit, ([at, insert, cut]) => {
      const lines = LINE.slice(0, at) + insert + LINE.slice(at + cut)
      try {
        const found = findCosignature(CHECKPOINT, lines, WITNESS)
        expect(openNote(`${TEXT}\n${found.line}`, [WITNESS]).signatures).toHaveLength(1)
      } catch (error) {
        if ((error as Error).name !== 'NoteError') throw error
      }
    }),
    { numRuns: 1_000 },
  )
})

const good = `old 2\n${PROOF.map((hash) => hash.toString('base64')).join('')}\n\n${CHECKPOINT}`

test.each([
  ['no old size', good.slice(good.indexOf('\n') + 1)],
  ['a leading zero', good.replace('old 2', 'old 02')],
  ['a size beyond exact numbers', good.replace('old 2', 'old 9007199254740992')],
  ['a proof from nothing', good.replace('old 2', 'old 0')],
  ['a hash cut short', good.replace('0+CmKo96', '0+Cm')],
  [
    '64 hashes',
    good.replace('old 2\n', `old 2\n${`${PROOF[0]?.toString('base64') ?? ''}\n`.repeat(63)}`),
  ],
  ['no blank line', good.replaceAll('\n\n', '\n')],
])('what is not a submission is refused: %s', (_, body) => {
  expect(() => parseAddCheckpoint(body)).toThrow(TypeError)
})

test('what no witness would take is not written', () => {
  const given = { oldSize: 2, proof: PROOF, checkpoint: CHECKPOINT }
  expect(() => formatAddCheckpoint({ ...given, oldSize: 0 })).toThrow(TypeError)
  expect(() => formatAddCheckpoint({ ...given, oldSize: -1 })).toThrow(TypeError)
  expect(() => formatAddCheckpoint({ ...given, proof: [Buffer.alloc(31)] })).toThrow(TypeError)
  expect(() =>
    appendSignatures(
      CHECKPOINT,
      Array.from({ length: 100 }, () => LINE),
    ),
  ).toThrow(RangeError)
})
