import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  decodeEntryBundle,
  decodeHashTile,
  encodeEntryBundle,
  encodeHashTile,
  parseTilePath,
  tileLevels,
  tilePath,
  tileWidth,
} from './tiles.ts'

test.each([
  [0, '000'],
  [999, '999'],
  [1_000, 'x001/000'],
  [999_999, 'x999/999'],
  [1_234_067, 'x001/x234/067'],
])('tile %d is found under %s', (index, digits) => {
  expect(tilePath({ level: 0, index, width: 256 })).toBe(`tile/0/${digits}`)
  expect(tilePath({ level: 'entries', index, width: 255 })).toBe(`tile/entries/${digits}.p/255`)
})

/** The last path of each level: the partial tile, else the last full one. */
function lastPaths(size: number): string[] {
  return tileLevels(size).map(({ level, full, partialWidth }) =>
    partialWidth === 0
      ? tilePath({ level, index: full - 1, width: 256 })
      : tilePath({ level, index: full, width: partialWidth }),
  )
}

test.each([
  [0, []],
  [1, ['tile/0/000.p/1']],
  [255, ['tile/0/000.p/255']],
  [256, ['tile/0/000', 'tile/1/000.p/1']],
  [257, ['tile/0/001.p/1', 'tile/1/000.p/1']],
  [65_536, ['tile/0/255', 'tile/1/000', 'tile/2/000.p/1']],
  [70_000, ['tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1']],
])('a log of %d entries ends in the tiles that C2SP says', (size, paths) => {
  expect(lastPaths(size)).toEqual(paths)
})

test('a tile is as wide as the log has hashes for it', () => {
  expect(tileWidth(70_000, { level: 0, index: 272 })).toBe(256)
  expect(tileWidth(70_000, { level: 0, index: 273 })).toBe(112)
  expect(tileWidth(70_000, { level: 0, index: 274 })).toBe(0)
  expect(tileWidth(70_000, { level: 2, index: 0 })).toBe(1)
  expect(tileWidth(70_000, { level: 3, index: 0 })).toBe(0)
})

test('a path that is served is read back as the tile it names', () => {
  const name = fc.record({
    level: fc.oneof(fc.constant('entries' as const), fc.nat({ max: 63 })),
    index: fc.maxSafeNat(),
    width: fc.integer({ min: 1, max: 256 }),
  })

  fc.assert(
    fc.property(name, (tile) => {
      expect(parseTilePath(tilePath(tile))).toEqual(tile)
    }),
  )
})

test.each([
  'tile/0/1',
  'tile/00/000',
  'tile/64/000',
  'tile/0/000.p/0',
  'tile/0/000.p/256',
  'tile/0/000.p/01',
  'tile/0/x000/001',
  'tile/0/001/000',
  'tile/0/../000',
  'tile/data/000',
  'tile/0/000/',
  '/tile/0/000',
  'tile/0/x999/x999/x999/x999/x999/999',
])('a path that no tile has names nothing: %s', (path) => {
  expect(parseTilePath(path)).toBeUndefined()
})

test('a name that cannot be served has no path', () => {
  for (const width of [0, 257, 1.5]) {
    expect(() => tilePath({ level: 0, index: 0, width })).toThrow(RangeError)
  }
  expect(() => tilePath({ level: 64, index: 0, width: 1 })).toThrow(RangeError)
  expect(() => tilePath({ level: 0, index: -1, width: 1 })).toThrow(RangeError)
})

const hashes = Array.from({ length: 256 }, (_, at) => Buffer.alloc(32, at))

test('a hash tile is its hashes side by side, and a full one serves for a partial one', () => {
  const full = encodeHashTile(hashes)

  expect(full).toHaveLength(8_192)
  expect(decodeHashTile(full, 256)).toEqual(hashes)
  expect(decodeHashTile(full, 17)).toEqual(hashes.slice(0, 17))
  expect(() => decodeHashTile(full.subarray(0, 31), 1)).toThrow(RangeError)
  expect(() => decodeHashTile(full.subarray(0, 32), 2)).toThrow(RangeError)
  expect(() => encodeHashTile([])).toThrow(RangeError)
  expect(() => encodeHashTile([Buffer.alloc(31)])).toThrow(RangeError)
})

test('a bundle gives its entries back, whatever they hold', () => {
  const entry = fc.uint8Array({ maxLength: 600 })

  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 256 }), (entries) => {
      const buffers = entries.map((bytes) => Buffer.from(bytes))
      expect(decodeEntryBundle(encodeEntryBundle(entries), entries.length)).toEqual(buffers)
    }),
    { numRuns: 50 },
  )
})

test('a bundle that is cut off, too short or too long is refused', () => {
  const three = encodeEntryBundle([Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(65_535)])

  expect(decodeEntryBundle(three, 2)).toEqual([Buffer.from('a'), Buffer.alloc(0)])
  expect(() => decodeEntryBundle(three, 4)).toThrow(RangeError)
  expect(() => decodeEntryBundle(three.subarray(0, -1), 3)).toThrow(RangeError)
  expect(() => decodeEntryBundle(three.subarray(0, 4), 1)).toThrow(RangeError)
  expect(() => decodeEntryBundle(Buffer.alloc(257 * 2), 256)).toThrow(RangeError)
  expect(() => encodeEntryBundle([Buffer.alloc(65_536)])).toThrow(RangeError)
})
