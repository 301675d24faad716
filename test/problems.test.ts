import { expect, test } from '@jest/globals'
import { readText } from './tree.ts'

const ROW = /^\| +\d+ +\| [^|]+ \| `([^`]+)`: ([^|]+?) +\|$/gm

test('each problem that is said to be closed names a test that exists', () => {
  const rows = [...readText('docs/problems.md').matchAll(ROW)]
  const lost = rows.filter(([, file = '', name = '']) => !readText(file).includes(`'${name}'`))

  expect(lost.map(([row]) => row)).toEqual([])
  expect(rows.length).toBeGreaterThan(10)
})
