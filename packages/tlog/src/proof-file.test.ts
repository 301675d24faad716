import { expect, test } from '@jest/globals'
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { formatProof, parseProof, type ProofFile } from './proof-file.ts'

const hash = Buffer.alloc(32, 1)
const extra = Buffer.from('entry')
const checkpoint = 'origin\n3\nroot\n\n— origin sig\n'
const HASH = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE='

test('a proof file is the lines that C2SP tlog-proof says', () => {
  expect(formatProof({ extra, index: 7, hashes: [hash, hash], checkpoint })).toBe(
    `c2sp.org/tlog-proof@v1\nextra ZW50cnk=\nindex 7\n${HASH}\n${HASH}\n\n${checkpoint}`,
  )
})

test.each<[what: string, proof: ProofFile]>([
  ['complete', { extra, index: 7, hashes: [hash], checkpoint }],
  ['without extra', { index: 0, hashes: [hash], checkpoint }],
  ['of the only entry', { extra, index: 0, hashes: [], checkpoint }],
  ['pending', { extra, index: 7, hashes: [] }],
  ['with the empty extra', { extra: Buffer.alloc(0), index: 7, hashes: [], checkpoint }],
])('a proof file reads back as it was written: %s', (_, proof) => {
  expect(parseProof(formatProof(proof))).toEqual(proof)
})

const good = formatProof({ extra, index: 7, hashes: [hash], checkpoint })

test.each([
  ['another header', good.replace('@v1', '@v2')],
  ['no blank line', good.replaceAll('\n\n', '\n')],
  ['no index', good.replace('index 7\n', '')],
  ['an index with a leading zero', good.replace('index 7', 'index 07')],
  ['a negative index', good.replace('index 7', 'index -1')],
  ['an index beyond exact numbers', good.replace('index 7', 'index 9007199254740992')],
  ['extra that is not base64', good.replace('extra ZW50cnk=', 'extra ZW50cnk')],
  ['extra after the index', good.replace(/(extra .*\n)(index 7\n)/, '$2$1')],
  ['extra twice', good.replace(/(extra .*\n)/, '$1$1')],
  ['a hash cut short', good.replace(HASH, 'AQEBAQ==')],
  ['a hash with stray bits', good.replace(HASH, HASH.replace('QE=', 'QF='))],
  ['64 hashes', good.replace(`${HASH}\n`, `${HASH}\n`.repeat(64))],
  ['hashes without a checkpoint', good.replace(checkpoint, '')],
  ['carriage returns', good.replaceAll('\n', '\r\n')],
  ['more characters than any proof has', good + 'x'.repeat(1_048_576)],
  ['nothing', ''],
])('what is not a proof file is refused: %s', (_, text) => {
  expect(() => parseProof(text)).toThrow(TypeError)
})

test('what no reader would take is not written', () => {
  expect(() => formatProof({ index: 1.5, hashes: [], checkpoint })).toThrow(TypeError)
  expect(() => formatProof({ index: 1, hashes: [Buffer.alloc(31)], checkpoint })).toThrow(TypeError)
  expect(() => formatProof({ index: 1, hashes: [hash] })).toThrow(TypeError)
  expect(() => formatProof({ index: 1, hashes: [], checkpoint: '' })).toThrow(TypeError)
})

const tree = { origin: 'example.com/log', size: 12, root: hash }

test('a checkpoint is three lines and reads back as it was written', () => {
  expect(formatCheckpoint(tree)).toBe(`example.com/log\n12\n${HASH}\n`)
  expect(parseCheckpoint(formatCheckpoint(tree))).toEqual(tree)
})

test.each([
  ['an extension line', `example.com/log\n12\n${HASH}\nextension\n`],
  ['no last newline', `example.com/log\n12\n${HASH}`],
  ['a blank line after it', `example.com/log\n12\n${HASH}\n\n`],
  ['no origin', `\n12\n${HASH}\n`],
  ['an origin with a space', `example com\n12\n${HASH}\n`],
  ['an origin with a plus sign', `example+com\n12\n${HASH}\n`],
  ['a size with a leading zero', `example.com/log\n012\n${HASH}\n`],
  ['a size with a sign', `example.com/log\n+12\n${HASH}\n`],
  ['no size', `example.com/log\n\n${HASH}\n`],
  ['a size beyond exact numbers', `example.com/log\n9007199254740992\n${HASH}\n`],
  ['a root cut short', 'example.com/log\n12\nAQEBAQ==\n'],
])('what is not a checkpoint is refused: %s', (_, text) => {
  expect(() => parseCheckpoint(text)).toThrow(TypeError)
})

test('a checkpoint that could not be read is not written', () => {
  expect(() => formatCheckpoint({ ...tree, origin: 'a\nb' })).toThrow(TypeError)
  expect(() => formatCheckpoint({ ...tree, size: -1 })).toThrow(TypeError)
  expect(() => formatCheckpoint({ ...tree, root: Buffer.alloc(31) })).toThrow(TypeError)
})
