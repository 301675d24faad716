import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { getTile, TILE_PART_BYTES_MAX } from '@mumega/contracts/audit-ledger'
import type { RequestOf } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'
import { leafHash, rootOf } from '@mumega/tlog/merkle'
import { decodeEntryBundle, decodeHashTile, tileLevels } from '@mumega/tlog/tiles'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  OPERATOR,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'

const SIZE = 700

let ledger: TestLedger
let bridge: Bus

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
  // Commits of many sizes, so that tiles begin and end in the middle of them.
  for (let sealed = 0, size = 1; sealed < SIZE; sealed += size, size = (size % 64) + 7) {
    size = Math.min(size, 64, SIZE - sealed)
    await publishIntents(
      bridge,
      Array.from({ length: size }, () => anIntent()),
    )
  }
  await untilSealed(ledger, SIZE)
  await untilSigned(SIZE)
})
afterAll(() => ledger.stop())

async function untilSigned(size: number): Promise<string> {
  return eventually(
    async () => {
      const { note } = await checkpointOf(bridge)
      return note?.split('\n')[1] === String(size) && note
    },
    { what: `a checkpoint over ${size}` },
  )
}

type Tile = Omit<RequestOf<typeof getTile>, 'offset'>

async function partOf(tile: Tile, offset = 0) {
  return bridge.request(getTile, { ...tile, offset }, { context: OPERATOR })
}

async function tileOf(tile: Tile): Promise<Buffer> {
  return Buffer.from((await partOf(tile)).part, 'base64')
}

test('the bundles hold every entry in order, and the tiles of each level the roots of what is below', async () => {
  const root = (await untilSigned(SIZE)).split('\n')[2]
  const [leaves = { full: 0, partialWidth: 0 }] = tileLevels(SIZE)
  const hashes: Buffer[] = []
  for (let index = 0; index <= leaves.full; index += 1) {
    const width = index < leaves.full ? 256 : leaves.partialWidth
    const entries = decodeEntryBundle(await tileOf({ level: 'entries', index, width }), width)
    const tile = decodeHashTile(await tileOf({ level: 0, index, width }), width)
    expect(tile).toEqual(entries.map((entry) => leafHash(entry)))
    hashes.push(...tile)
  }

  const above = decodeHashTile(
    await tileOf({ level: 1, index: 0, width: leaves.full }),
    leaves.full,
  )

  expect(hashes).toHaveLength(SIZE)
  expect(above).toEqual(above.map((_, nth) => rootOf(hashes.slice(256 * nth, 256 * (nth + 1)))))
  expect(rootOf(hashes).toString('base64')).toBe(root)
})

test.each([1, 2, 100, 187, 188])(
  'a partial tile and bundle of width %i is the beginning of the wider one',
  async (width) => {
    for (const level of [0, 'entries'] as const) {
      const whole = await tileOf({ level, index: 2, width: 188 })
      const part = await tileOf({ level, index: 2, width })
      expect(whole.subarray(0, part.length).equals(part)).toBe(true)
    }
    const bundle = await tileOf({ level: 'entries', index: 2, width })
    expect(decodeEntryBundle(bundle, width)).toHaveLength(width)
  },
)

test.each<Tile>([
  { level: 0, index: 2, width: 189 },
  { level: 'entries', index: 2, width: 189 },
  { level: 'entries', index: 3, width: 1 },
  { level: 1, index: 0, width: 3 },
  { level: 2, index: 0, width: 1 },
  { level: 63, index: 0, width: 1 },
  { level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 },
])('what no checkpoint covers is not there: %j', async (tile) => {
  await expect(partOf(tile)).rejects.toMatchObject({
    code: 'audit-ledger.tile-not-found',
    status: 404,
  })
})

test('a bundle of the largest entries comes in parts', async () => {
  const long = '\u0001'
  const intents = Array.from({ length: 324 }, () =>
    anIntent({
      actor: { id: long.repeat(200), kind: 'agent' },
      target: `message:${long.repeat(292)}`,
    }),
  )
  for (let at = 0; at < intents.length; at += 54) {
    await publishIntents(bridge, intents.slice(at, at + 54))
  }
  await untilSealed(ledger, SIZE + intents.length)
  await untilSigned(SIZE + intents.length)

  const bundle = { level: 'entries', index: 3, width: 256 } as const
  const first = await partOf(bundle)
  const second = await partOf(bundle, TILE_PART_BYTES_MAX)

  const bytes = Buffer.concat([first, second].map(({ part }) => Buffer.from(part, 'base64')))
  expect(first.totalBytes).toBeGreaterThan(TILE_PART_BYTES_MAX)
  expect(bytes).toHaveLength(first.totalBytes)
  expect(decodeEntryBundle(bytes, 256)).toHaveLength(256)
})
