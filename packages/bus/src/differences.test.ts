import { expect, test } from '@jest/globals'
import { differences } from './differences.ts'

test('what the server has beyond what was asked is no difference', () => {
  expect(differences('S', { max_age: 5 }, { max_age: 5, sealed: false })).toEqual([])
})

test.each([
  ['a number', [{ a: 1 }, { a: 2 }], ['S.a is 2, not 1']],
  ['an ignored option', [{ allow_msg_ttl: true }, {}], ['S.allow_msg_ttl is undefined, not true']],
  ['a list in another order', [{ a: [1, 2] }, { a: [2, 1] }], ['S.a is [2,1], not [1,2]']],
  ['an object', [{ a: { b: 1 } }, { a: { b: 2 } }], ['S.a is {"b":2}, not {"b":1}']],
  ['an object in the place of nothing', [{ a: { b: 1 } }, {}], ['S.a is undefined, not {"b":1}']],
])('%s that differs is named with both values', (_, [wanted = {}, found = {}], complaints) => {
  expect(differences('S', wanted, found)).toEqual(complaints)
})

test('an option that the server leaves out counts as false or zero', () => {
  expect(differences('S', { deny: false, max_age: 0 }, {})).toEqual([])
})
