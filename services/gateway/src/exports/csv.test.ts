import { expect, test } from '@jest/globals'
import { csvField } from './csv.ts'

test.each([
  ['=cmd|/c calc!A1', "'=cmd|/c calc!A1"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', "'\t=1"],
  ['\r=1', '"\'\r=1"'],
  ['\n=1', '"\'\n=1"'],
  ['＝1', "'＝1"],
  ['=1,"2"', '"\'=1,""2"""'],
])('a cell that a spreadsheet would run is text: %j', (value, field) => {
  expect(csvField(value)).toBe(field)
})

test.each([
  ['plain', 'plain'],
  ['a=b', 'a=b'],
  ['', ''],
  ['a,b', '"a,b"'],
  ['a"b', '"a""b"'],
  ['a\r\nb', '"a\r\nb"'],
  ["'quoted", "'quoted"],
])('any other cell is what it was, quoted as RFC 4180 asks: %j', (value, field) => {
  expect(csvField(value)).toBe(field)
})
