import { describe, expect, test } from '@jest/globals'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { canonicalJson, DEPTH_MAX } from './canonical.ts'

// RFC 8785, appendix B: IEEE 754 bits and the text that every implementation must write.
const NUMBERS: [bits: string, text: string][] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
]

test.each(NUMBERS)('the number of bits %s is written %s, as RFC 8785 lists it', (bits, text) => {
  expect(canonicalJson(Buffer.from(bits, 'hex').readDoubleBE())).toBe(text)
})

test('keys stand in the order of their UTF-16 code units, as in the example of RFC 8785', () => {
  const shuffled = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    '1': 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face',
    '\u0080': 'Control',
    '\u00f6': 'Latin Small Letter O With Diaeresis',
  }

  const values = [...canonicalJson(shuffled).matchAll(/:"(\w+)/g)].map(([, word]) => word)

  expect(values).toEqual(['Carriage', 'One', 'Control', 'Latin', 'Euro', 'Emoji', 'Hebrew'])
})

test('strings are escaped as RFC 8785 asks: the short forms, lower-case hex, nothing else', () => {
  const text = '€$\u000f\u000aA\'B"\\\\"/\u2028\u007f\b\t\f'

  expect(canonicalJson(text)).toBe('"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u2028\u007f\\b\\t\\f"')
})

test('every JSON value is written as another implementation writes it', () => {
  const value = fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' })

  fc.assert(
    fc.property(value, (json) => canonicalJson(json) === canonicalize(json)),
    { numRuns: 2_000 },
  )
})

test('the order in which keys were set never shows, and parsing gives the value back', () => {
  const entries = fc.uniqueArray(
    fc.tuple(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })),
    { selector: ([key]) => key },
  )

  fc.assert(
    fc.property(entries, (fields) => {
      const text = canonicalJson(Object.fromEntries(fields))
      expect(canonicalJson(Object.fromEntries(fields.toReversed()))).toBe(text)
      expect(canonicalJson(JSON.parse(text))).toBe(text)
    }),
  )
})

test('any number of keys stands in the order of the default sort', () => {
  for (let count = 0; count <= 40; count += 1) {
    const keys = fc.uniqueArray(fc.string(), { minLength: count, maxLength: count })
    fc.assert(
      fc.property(keys, (names) => {
        const text = canonicalJson(Object.fromEntries(names.map((name) => [name, 0])))
        const written = names.toSorted().map((name) => `${JSON.stringify(name)}:0`)
        expect(text).toBe(`{${written.join(',')}}`)
      }),
      { numRuns: 20 },
    )
  }
})

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level += 1) value = [value]
  return value
}

describe('what JSON cannot say exactly is refused, at the top and inside', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const refused: [what: string, value: unknown][] = [
    ['undefined', undefined],
    ['NaN', NaN],
    ['infinity', -Infinity],
    ['a bigint', 1n],
    ['a symbol', Symbol('s')],
    ['a function', () => 1],
    ['a Date', new Date(0)],
    ['a Map', new Map([['a', 1]])],
    ['a boxed string', Object('text')],
    ['a buffer', Buffer.from('a')],
    ['an object that would convert itself', { toJSON: () => 1 }],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate', '\udc00b'],
    ['a lone surrogate in a key', { '\ud800': 1 }],
    // eslint-disable-next-line no-sparse-arrays -- the hole is what is tested
    ['an array with a hole', [1, , 2]],
    ['a cycle', cycle],
    ['too many levels', nested(DEPTH_MAX + 1)],
  ]

  test.each(refused)('%s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
    expect(() => canonicalJson([{ inside: value }])).toThrow(TypeError)
  })
})

test('as many levels as the bound allows are written', () => {
  expect(canonicalJson(nested(DEPTH_MAX))).toHaveLength(2 * DEPTH_MAX + 1)
})
