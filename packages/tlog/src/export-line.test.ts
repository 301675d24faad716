import { expect, test } from '@jest/globals'
import { parseExportLine } from './export-line.ts'

const hash = 'ab'.repeat(32)
const root = Buffer.from(hash, 'hex').toString('base64')
const text = '{"salt":"' + hash + '","payload":{"text":"hello"}}'
const ENTRY = `{"index":3,"leafHash":"${hash}","entry":{"a":1,"b":2},"before":["${root}"],"disclosure":${text}}`
const REDACTED = `{"index":3,"leafHash":"${hash}","entry":{"a":1},"redacted":true}`
const FILTER = {
  chain: 'acme',
  actor: 'agent:ada',
  action: 'deal.*',
  target: 'deal:1',
  phase: 'fact',
  trace: '0'.repeat(32),
  from: '2026-11-21T08:00:00.000Z',
  until: '2026-11-22T08:00:00.000Z',
}
const TRAILER = {
  trailer: 1,
  exportedAt: '2026-11-21T09:00:00.000Z',
  filter: FILTER as unknown,
  disclosed: true as unknown,
  count: 1,
  firstIndex: 3,
  lastIndex: 3,
  size: 5,
  after: [root],
  checkpoint: 'note',
}

test('what the export of the ledger writes is taken', () => {
  expect(parseExportLine(ENTRY)).toMatchObject({
    ...{ kind: 'entry', index: 3, leafHash: hash, isRedacted: false },
    disclosure: { salt: hash, payload: { text: 'hello' } },
  })
  expect(parseExportLine(REDACTED)).toMatchObject({ isRedacted: true, before: [] })
  expect(parseExportLine(JSON.stringify(TRAILER))).toMatchObject({
    ...{ kind: 'trailer', filter: FILTER, isDisclosed: true, size: 5 },
  })
})

test.each([
  ['a carriage return at its end', `${ENTRY}\r`],
  ['a space', ENTRY.replace('"index":3', '"index": 3')],
  ['a space before it', ` ${ENTRY}`],
  ['a fraction of nothing', ENTRY.replace('"index":3', '"index":3.0')],
  ['a power of ten', ENTRY.replace('"index":3', '"index":3e0')],
  ['a number of the entry in another spelling', ENTRY.replace('"a":1', '"a":1.0')],
  ['an escape', ENTRY.replace('"hello"', '"\\u0068ello"')],
  ['an escaped key', ENTRY.replace('"index"', '"\\u0069ndex"')],
  ['keys in another order', ENTRY.replace(/("index":3),("leafHash":"[^"]*")/, '$2,$1')],
  ['keys of the entry in another order', ENTRY.replace('"a":1,"b":2', '"b":2,"a":1')],
  [
    'keys of the disclosure in another order',
    ENTRY.replace(/("salt":"[^"]*"),("payload":[^}]*\})/, '$2,$1'),
  ],
  [
    'keys of the trailer in another order',
    JSON.stringify(TRAILER).replace(/("count":1),("firstIndex":3)/, '$2,$1'),
  ],
  [
    'keys of the filter in another order',
    JSON.stringify({ ...TRAILER, filter: { phase: 'fact', chain: 'acme' } }),
  ],
])('%s is not as the ledger writes it', (_name, line) => {
  expect(() => parseExportLine(line)).toThrow('it is not letter for letter as the ledger writes it')
})

test.each([
  [ENTRY.replace('"index":3', '"index":2,"index":3'), /the key "index" stands there twice/],
  [ENTRY.replace('"salt"', '"note":1,"salt"'), /unknown key "note"/],
  [ENTRY.replace(`["${root}"]`, '[]'), /its before is empty/],
  [ENTRY.replace('"a":1', `"a":${'['.repeat(4_000)}${']'.repeat(4_000)}`), /200 levels deep/],
  [ENTRY.replace('"hello"', '"\\ud800"'), /lone surrogate/],
  [REDACTED.replace('true', 'false'), /its redacted is not true/],
  ['[]', /it is no JSON object/],
  ['3', /it is no JSON object/],
])('an entry that is wrong is refused with what is wrong: %#', (line, says) => {
  expect(() => parseExportLine(line)).toThrow(says)
})

test.each([
  [{ exportedAt: undefined }, /its exportedAt is missing or no time/],
  [{ exportedAt: 1 }, /its exportedAt is missing or no time/],
  [{ exportedAt: '2026-11-21' }, /its exportedAt is missing or no time/],
  [{ disclosed: undefined }, /its disclosed is not true or false/],
  [{ disclosed: 'true' }, /its disclosed is not true or false/],
  [{ disclosed: 1 }, /its disclosed is not true or false/],
  [{ after: undefined }, /its after is wrong/],
  [{ filter: undefined }, /its filter is no JSON object/],
  [{ filter: [] }, /its filter is no JSON object/],
  [{ filter: { colour: 'red' } }, /its filter has the unknown key "colour"/],
  [{ filter: { toString: 'red' } }, /its filter has the unknown key "toString"/],
  [{ filter: { chain: { toString: 1, valueOf: 2 } } }, /its filter's chain is wrong/],
  [{ filter: { chain: 'A b' } }, /its filter's chain is wrong/],
  [{ filter: { chain: 'a'.repeat(65) } }, /its filter's chain is wrong/],
  [{ filter: { actor: '' } }, /its filter's actor is wrong/],
  [{ filter: { actor: 'a'.repeat(9_000) } }, /its filter's actor is wrong/],
  [{ filter: { action: 'deal' } }, /its filter's action is wrong/],
  [{ filter: { target: 'deal' } }, /its filter's target is wrong/],
  [{ filter: { phase: 'facts' } }, /its filter's phase is wrong/],
  [{ filter: { trace: '0' } }, /its filter's trace is wrong/],
  [{ filter: { from: '2026-02-31T00:00:00.000Z' } }, /its filter's from is wrong/],
  [{ filter: { until: null } }, /its filter's until is wrong/],
])('a trailer that is wrong is refused with what is wrong: %j', (fields, says) => {
  expect(() => parseExportLine(JSON.stringify({ ...TRAILER, ...fields }))).toThrow(says)
})
