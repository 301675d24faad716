import { expect, test } from '@jest/globals'
import { copiedRows } from './copied-rows.ts'
import { framesOf } from './frames.ts'

const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])

test('rows of a binary COPY come back field by field', () => {
  const row = Buffer.from([0, 3, 0, 0, 0, 2, 1, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
  const end = Buffer.from([0xff, 0xff])

  expect(copiedRows(Buffer.concat([header, row, end]))).toEqual([
    [Buffer.from([1, 2]), undefined, Buffer.alloc(0)],
  ])
  expect(copiedRows(Buffer.concat([header, end]))).toEqual([])
})

test('bytes that end too early or are no COPY are refused', () => {
  expect(() => copiedRows(header)).toThrow()
  expect(() => copiedRows(Buffer.from('select'))).toThrow(RangeError)
  expect(() => framesOf(Buffer.from([0, 3, 1, 2]))).toThrow(RangeError)
  expect(() => framesOf(Buffer.from([0, 1, 1, 9]))).toThrow(RangeError)
})
