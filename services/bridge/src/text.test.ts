import { describe, expect, test } from '@jest/globals'
import { checkText } from './text.ts'

const check = (value: string, limitBytes: number) => () => {
  checkText({ field: 'text', value, limitBytes })
}

describe('a text', () => {
  test.each([
    ['a', 1],
    ['é', 2],
    ['漢', 3],
    ['🧵', 4],
    ['👩‍👩‍👧‍👦', 25],
  ])('%j fits into exactly its bytes of UTF-8 and into no fewer', (value, bytes) => {
    expect(check(value, bytes)).not.toThrow()
    expect(check(value, bytes - 1)).toThrow(`${bytes} bytes of UTF-8; ${bytes - 1} bytes`)
  })

  test('is kept when PostgreSQL and UTF-8 can hold it, whatever it means', () => {
    const every = Array.from({ length: 0xffff }, (_, index) => index + 1)
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => String.fromCharCode(code))
      .join('')
    expect(check(every, 1_000_000)).not.toThrow()
  })

  test('is refused with half of a surrogate pair at its start, middle or end', () => {
    for (let code = 0xd800; code <= 0xdfff; code += 1) {
      const half = String.fromCharCode(code)
      for (const value of [half, `a${half}`, `${half}a`, `🧵${half}🧵`]) {
        expect(check(value, 100)).toThrow('surrogate')
      }
    }
  })
})
