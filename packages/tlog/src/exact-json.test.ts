import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseExactJson } from './exact-json.ts'

test.each([
  '9007199254740993',
  '[-9007199254740993]',
  '1.0000000000000000001',
  '0.1000000000000000055511151231257827',
  '1e400',
  '1e-400',
  '{"a": 1e-99999999999999999999}',
])('a number that JavaScript would round is refused: %s', (text) => {
  expect(() => parseExactJson(text)).toThrow(/^the number .* is not exact$/)
})

test.each([
  ['9007199254740992', 9007199254740992],
  ['1.50', 1.5],
  ['-0', -0],
  ['0e999999999', 0],
  ['1E3', 1000],
  ['100000000000000000000000', 1e23],
  ['0.00000010', 1e-7],
  ['5e-324', 5e-324],
])('a number that is only spelled differently is read: %s', (text, value) => {
  expect(parseExactJson(text)).toBe(value)
})

test.each([
  '{"a":1,"a":1}',
  '{"a":1,"\\u0061":2}',
  '[{"b":{"a":{"c":1},"x":[{"a":1}],"a" \n:2}}]',
  '{"__proto__":1,"__proto__":2}',
  '{"":1,"":2}',
])('a key that stands twice in an object is refused: %s', (text) => {
  expect(() => parseExactJson(text)).toThrow(/^the key ".*" stands there twice$/)
})

test('a key may stand in several objects, and in strings', () => {
  const value = { a: ['{"a":1,"a":2}', 'a', 'a\\'], b: [{ a: 1 }, { a: '9007199254740993' }] }

  expect(parseExactJson(JSON.stringify(value, null, 2))).toEqual(value)
})

test('whatever JavaScript writes as JSON is exact', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const written = JSON.stringify(JSON.parse(text))
      expect(parseExactJson(written)).toEqual(JSON.parse(written))
    }),
    { numRuns: 2_000 },
  )
})

test('a message does not repeat a number of any length', () => {
  const message = /^the number 1{40}… is not exact$/
  expect(() => parseExactJson('1'.repeat(1_000_000))).toThrow(message)
})
