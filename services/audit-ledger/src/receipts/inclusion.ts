import {
  assembleProof,
  planConsistency,
  planInclusion,
  rootOf,
  type ProofPlan,
} from '@mumega/tlog/merkle'
import type { NodeAt } from '@mumega/tlog/subtrees'
import { TILE_WIDTH } from '@mumega/tlog/tiles'
import type { NodeRange } from './proof-repository.ts'

/** A level of tiles is so many of the tree's. */
export const LEVEL_BITS = 8

/** Reads the hashes of ranges of stored nodes, in their order. */
export type ReadHashes = (ranges: readonly NodeRange[]) => Promise<Buffer[][]>

/** Reads the roots of full subtrees, in their order. */
export type ReadNodes = (nodes: readonly NodeAt[]) => Promise<Buffer[]>

/**
 * The inclusion proof of leaf `index` in the tree of `size` leaves. The nodes it needs stand in at
 * most two tiles of 256 for each level of 256: six of them in a log of sixteen million entries.
 */
export async function proveInclusion(
  size: number,
  index: number,
  read: ReadNodes,
): Promise<Buffer[]> {
  return prove(planInclusion(size, index), read)
}

/**
 * The proof that the log of `newSize` entries starts with the same `oldSize` ones; empty from 0 and
 * from `newSize` itself.
 *
 * @throws RangeError when the old size is the larger one
 */
export async function proveConsistency(
  oldSize: number,
  newSize: number,
  read: ReadNodes,
): Promise<Buffer[]> {
  return prove(planConsistency(oldSize, newSize), read)
}

async function prove(plan: ProofPlan, read: ReadNodes): Promise<Buffer[]> {
  return assembleProof(plan, await read(plan.flat()))
}

/** The roots of full subtrees, in their order. Each tile is read once, whatever is wanted of it. */
export async function readNodes(
  nodes: readonly NodeAt[],
  readHashes: ReadHashes,
): Promise<Buffer[]> {
  if (nodes.length === 0) return []
  const wanted = nodes.map(rangeOf)
  const ranges = tilesOf(wanted)
  const read = await readHashes(ranges)
  const tiles = new Map(
    ranges.map((range, nth) => [tileKey(range), { range, hashes: read[nth] ?? [] }]),
  )
  return wanted.map((range) => {
    const tile = tiles.get(tileKey(range))
    if (tile === undefined) throw new Error('each wanted node has a tile')
    return rootOf(tile.hashes.slice(range.begin - tile.range.begin, range.end - tile.range.begin))
  })
}

/** The stored nodes that make up a node: a power of two of them, all in one tile. */
export function rangeOf({ level, index }: NodeAt): NodeRange {
  const storedLevel = Math.floor(level / LEVEL_BITS)
  const width = 2 ** (level - storedLevel * LEVEL_BITS)
  return { level: storedLevel, begin: index * width, end: (index + 1) * width }
}

/** Names the tile in which a range stands. */
export function tileKey({ level, begin }: NodeRange): string {
  return `${level}/${Math.floor(begin / TILE_WIDTH)}`
}

/** One range for each tile, over all that is wanted of it. */
function tilesOf(wanted: readonly NodeRange[]): NodeRange[] {
  const tiles = new Map<string, NodeRange>()
  for (const range of wanted) {
    const known = tiles.get(tileKey(range)) ?? range
    const begin = Math.min(known.begin, range.begin)
    const end = Math.max(known.end, range.end)
    tiles.set(tileKey(range), { level: range.level, begin, end })
  }
  return [...tiles.values()]
}
