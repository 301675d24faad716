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
  [' =1', "' =1"],
  ['\u00a0\u3000=1', "'\u00a0\u3000=1"],
  ['\u200b=1', "'\u200b=1"],
  ['\ufeff+1', "'\ufeff+1"],
  ['\u00ad\u2060\u3164@x', "'\u00ad\u2060\u3164@x"],
  ['\u0000=1', "'\u0000=1"],
  ['﹦1', "'﹦1"],
  ['﹢1', "'﹢1"],
  ['﹣1', "'﹣1"],
  ['﹫x', "'﹫x"],
  ['－1', "'－1"],
  ['\u22121', "'\u22121"],
  ['⁼1', "'⁼1"],
])('a cell that a spreadsheet would run is text: %j', (value, field) => {
  expect(csvField(value)).toBe(field)
})

test.each([
  ['deal:1;=1+1', `"deal:1;'=1+1"`],
  ['deal:1; \u200b@x', `"deal:1;' \u200b@x"`],
  ['deal:1|-1', "deal:1|'-1"],
  ['a\n+1', `"a\n'+1"`],
  ['a\t=1', "a\t'=1"],
  [';=1;=2', `";'=1;'=2"`],
  ['deal:a;"=HYPERLINK(1);y', `"deal:a;'""=HYPERLINK(1);y"`],
  ['deal:a|" "@x', `"deal:a|'"" ""@x"`],
  ['"=1', `"'""=1"`],
])('nor does it run for a reader that splits elsewhere: %j', (value, field) => {
  expect(csvField(value)).toBe(field)
})

test.each([
  ['plain', 'plain'],
  ['a;b', '"a;b"'],
  ['a-b|c', 'a-b|c'],
  ['it is', 'it is'],
  [' padded', '" padded"'],
  ['a=b', 'a=b'],
  ['', ''],
  ['a,b', '"a,b"'],
  ['a"b', '"a""b"'],
  ['a\r\nb', '"a\r\nb"'],
  ["'quoted", "'quoted"],
])('any other cell is what it was, quoted as RFC 4180 asks: %j', (value, field) => {
  expect(csvField(value)).toBe(field)
})
