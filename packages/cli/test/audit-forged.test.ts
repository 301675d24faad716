import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { leafHash, rootOf } from '@mumega/tlog/merkle'
import {
  alter,
  at,
  audit,
  changed,
  givenExport,
  givenSealed,
  signed,
  textOf,
  type Exported,
} from './export.ts'
import { givenPlace, strangerVkey, vkey, type Place } from './given.ts'

let place: Place

beforeAll(() => {
  place = givenPlace()
})
afterAll(() => {
  place.remove()
})

const FORGERIES: [name: string, change: (exported: Exported) => void, says: RegExp][] = [
  [
    'a changed entry',
    (all) => {
      const line = at(all, 4)
      line.entry = { ...line.entry, target: 'message:forged' }
    },
    /Entry 4 does not have the leaf hash/,
  ],
  [
    'a changed entry with the leaf hash that it then has',
    (all) => {
      alter(at(all, 4), { target: 'message:forged' })
    },
    /Entry 5 is number 4 of the chain acme; its prev is not the hash of number 3, at index 4/,
  ],
  [
    'a changed last entry, of which no other tells',
    (all) => {
      alter(at(all, 8), { target: 'message:forged' })
    },
    /The root over these entries is not the signed one/,
  ],
  [
    'another payload',
    (all) => {
      at(all, 3).disclosure = { salt: '07'.repeat(32), payload: { text: 'bye' } }
    },
    /The payload of entry 3 is not the one it commits to/,
  ],
  ['a missing entry', (all) => all.entries.splice(2, 1), /between index 2 and 3 is not all there/],
  ['a missing end', (all) => all.entries.pop(), /The trailer says 9 entries, from 0 to 8; there/],
  [
    'a missing end, with a trailer to match',
    (all) => {
      all.entries.pop()
      Object.assign(all.trailer, { count: 8, lastIndex: 7 })
    },
    /The log has 9 entries; the file has 8/,
  ],
  [
    'an entry twice',
    (all) => all.entries.splice(3, 0, at(all, 2)),
    /Entry 2 stands behind entry 2: it is there twice/,
  ],
  [
    'two entries in another order',
    (all) => all.entries.splice(3, 2, at(all, 4), at(all, 3)),
    /between index 3 and 4 is not all there/,
  ],
  [
    'another number in the chain',
    (all) => {
      alter(at(all, 4), { seq: 9 })
    },
    /Entry 5 is number 4 of the chain acme, behind number 9/,
  ],
  [
    'a smaller log than was signed',
    (all) => Object.assign(all.trailer, { size: 8 }),
    /The signed log has 9 entries, and not 8/,
  ],
  [
    'a checkpoint of another log of the same key',
    (all) =>
      Object.assign(all.trailer, {
        checkpoint: signed(9, rootOf(givenSealed.slice(1).map(leafHash))),
      }),
    /The root over these entries is not the signed one/,
  ],
]

test.each(FORGERIES)('3: %s is found, and where', async (_name, change, says) => {
  const { exitCode, stdout } = await audit(place, changed(change))

  expect(stdout).toMatch(says)
  expect(exitCode).toBe(3)
  expect(stdout).toMatch(/^DIVERGED: /)
})

test('3: another key did not sign this log', async () => {
  const { exitCode, stdout } = await audit(place, givenExport(givenSealed), { key: strangerVkey })

  expect(exitCode).toBe(3)
  expect(stdout).toContain('The checkpoint is not signed by this key.')
})

test('3: an entry that a chain’s own export leaves out is missed, though the tree adds up', async () => {
  let nth = 0
  const exported = givenExport(givenSealed, { chain: 'acme' }, (entry) => {
    if (entry.chain === 'acme') nth += 1
    return entry.chain === 'acme' && nth !== 3
  })

  const { exitCode, stdout } = await audit(place, exported)

  expect(exitCode).toBe(3)
  expect(stdout).toContain('Entry 5 is number 4 of the chain acme, after number 2: 1 before it are')
})

const whole = textOf(givenExport(givenSealed))
const lines = whole.split('\n')

function withTrailer(fields: Record<string, unknown>): string {
  return textOf(changed(({ trailer }) => Object.assign(trailer, fields)))
}

function nestedText(levels: number): string {
  return `${'['.repeat(levels)}${']'.repeat(levels)}`
}

function nested(levels: number): unknown {
  return JSON.parse(nestedText(levels)) as unknown
}

test.each<[string, string, RegExp]>([
  [
    'a stream that broke off between lines',
    `${lines.slice(0, 4).join('\n')}\n`,
    /before its trailer/,
  ],
  ['a stream that broke off in a line', whole.slice(0, 1_000), /before its trailer/],
  ['one without its last newline', whole.slice(0, -1), /before its trailer/],
  ['a line that broke off behind the trailer', `${whole}{"index":9`, /before its trailer/],
  ['an empty file', '', /before its trailer/],
  ['an entry behind the trailer', `${whole}${lines[0] ?? ''}\n`, /Line 11 follows the trailer/],
  ['what is no JSON', `${lines[0] ?? ''}\nhello\n`, /Line 2 is not of an export/],
  ['a list', '[]\n', /Line 1 is not of an export: it is no JSON object/],
  [
    'a key twice',
    whole.replace('{"index":0,', '{"index":1,"index":0,'),
    /Line 1 is not of an export: the key "index" stands there twice/,
  ],
  ['an unknown key', whole.replace('{"index":0,', '{"note":"x","index":0,'), /unknown key "note"/],
  [
    'a stray field in an entry',
    whole.replace('"v":1}', '"v":1,"x":1}'),
    /Line 1, index 0: .*stray key/,
  ],
  ['an index that is none', whole.replace('{"index":0,', '{"index":-1,'), /its index is missing/],
  [
    'a later version of the format',
    whole.replace('"trailer":1', '"trailer":2'),
    /version is not 1/,
  ],
  [
    'a filter of another type, made to break whoever prints it',
    withTrailer({ filter: { chain: { toString: 1, valueOf: 2 } } }),
    /Line 10 is not of an export: its filter's chain is wrong/,
  ],
  [
    'an array in an array, and so on',
    withTrailer({ filter: { chain: nested(4_000) } }),
    /Line 10 is not of an export: cyclic, or more than 200 levels deep/,
  ],
  ['a megabyte of open arrays', `${nestedText(500_000)}\n`, /Line 1 is not of an export: it is no/],
  [
    'a megabyte of open arrays under a key that comes again',
    whole.replace('{"index":0,', `{"index":${nestedText(500_000)},"index":0,`),
    /Line 1 is not of an export: the key "index" stands there twice/,
  ],
  ['no time of its export', withTrailer({ exportedAt: undefined }), /its exportedAt is missing/],
  ['no word on payloads', withTrailer({ disclosed: undefined }), /its disclosed is not true or f/],
  [
    'lines that end in two characters',
    whole.replaceAll('\n', '\r\n'),
    /Line 1 .*letter for letter/,
  ],
])('5: %s is malformed or incomplete, and where', async (_name, text, says) => {
  const { exitCode, stdout, stderr } = await audit(place, text)

  expect(stdout).toMatch(says)
  expect([exitCode, stderr]).toEqual([5, ''])
})

test('5: bytes that are not UTF-8, and a line without an end', async () => {
  place.write('bytes.jsonl', Buffer.concat([Buffer.from(whole), Buffer.of(0xff, 0x0a)]))
  const bytes = await place.mumega('audit', 'bytes.jsonl', '--key', vkey)
  expect(bytes).toMatchObject({ exitCode: 5 })
  expect(bytes.stdout).toContain('A line is not UTF-8. It comes after 9 entries.')

  const endless = await place.mumega('audit', '/dev/zero', '--key', vkey)
  expect(endless).toMatchObject({ exitCode: 5 })
  expect(endless.stdout).toContain('longer than any')
})
