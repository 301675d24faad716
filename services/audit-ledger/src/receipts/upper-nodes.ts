import { LRUCache } from 'lru-cache'
import { HASH_BYTES, nodeHash } from '@mumega/tlog/merkle'
import type { NodeAt } from '@mumega/tlog/subtrees'
import { TILE_WIDTH, tileWidth } from '@mumega/tlog/tiles'
import { LEVEL_BITS, rangeOf, readNodes, tileKey, type ReadHashes } from './inclusion.ts'

/** Reads nodes of the tree, and keeps those above the leaves' tiles: they never change. */
export interface UpperNodes {
  /** The roots of these full subtrees of a log of `size` entries, in their order. */
  read(size: number, nodes: readonly NodeAt[]): Promise<Buffer[]>
  /** Drops what is kept: with it what was signed is not proved. */
  forget(): void
}

// 16 KiB each: of level 1 the tiles of 33 million entries.
const TILES_MAX = 512

/** Row k holds the roots of each 2^k of a tile's hashes, one after the other. */
interface Tile {
  readonly width: number
  readonly rows: readonly Buffer[]
}

export function openUpperNodes(readHashes: ReadHashes): UpperNodes {
  const kept = new LRUCache<string, Tile>({ max: TILES_MAX })

  /** The tiles of these nodes by their names; those that are not kept are read, all at once. */
  async function tilesOf(size: number, nodes: readonly NodeAt[]): Promise<Map<string, Tile>> {
    const tiles = new Map<string, Tile>()
    const missing = new Map<string, { level: number; index: number }>()
    for (const node of nodes) {
      const { name, level, index, end } = placeOf(node)
      const tile = kept.get(name)
      // The last tile of a level was narrower when it was read.
      if (tile !== undefined && tile.width >= end) tiles.set(name, tile)
      else missing.set(name, { level, index })
    }
    if (missing.size === 0) return tiles
    const ranges = [...missing.values()].map(({ level, index }) => {
      const begin = index * TILE_WIDTH
      return { level, begin, end: begin + tileWidth(size, { level, index }) }
    })
    const read = await readHashes(ranges)
    ;[...missing.keys()].forEach((name, nth) => {
      const tile = buildTile(read[nth] ?? [])
      tiles.set(name, tile)
      kept.set(name, tile)
    })
    return tiles
  }

  return {
    async read(size, nodes) {
      const lower = nodes.filter(({ level }) => level < LEVEL_BITS)
      const upper = nodes.filter(({ level }) => level >= LEVEL_BITS)
      const [roots, tiles] = await Promise.all([readNodes(lower, readHashes), tilesOf(size, upper)])
      const lowerRoots = new Map(lower.map((node, nth) => [node, roots[nth]]))
      return nodes.map((node) => lowerRoots.get(node) ?? rootIn(tiles, node))
    },
    forget() {
      kept.clear()
    },
  }
}

/** Where a node stands: in which tile, in which row, and behind which hash of the tile it ends. */
function placeOf(node: NodeAt) {
  const range = rangeOf(node)
  const row = node.level % LEVEL_BITS
  const index = Math.floor(range.begin / TILE_WIDTH)
  const begin = range.begin % TILE_WIDTH
  const end = begin + 2 ** row
  return { level: range.level, index, name: tileKey(range), row, at: begin / 2 ** row, end }
}

function rootIn(tiles: ReadonlyMap<string, Tile>, node: NodeAt): Buffer {
  const { name, row, at } = placeOf(node)
  const root = tiles.get(name)?.rows[row]?.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
  if (root?.length === HASH_BYTES) return root
  throw new Error(`tile ${name} does not hold node ${node.index} of level ${node.level}`)
}

function buildTile(hashes: readonly Buffer[]): Tile {
  const rows = [Buffer.concat(hashes)]
  for (let width = hashes.length >> 1; width > 0; width >>= 1) {
    const below = rows.at(-1) ?? Buffer.alloc(0)
    const row = Array.from({ length: width }, (_, nth) => {
      const at = 2 * nth * HASH_BYTES
      return nodeHash(
        below.subarray(at, at + HASH_BYTES),
        below.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES),
      )
    })
    rows.push(Buffer.concat(row))
  }
  return { width: hashes.length, rows }
}
