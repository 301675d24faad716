import { frontierRoot, HASH_BYTES, type Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import { readBatches, type StoredBatch } from './checkpoint-repository.ts'
import { hashLeaves } from './frames.ts'
import { Tampered } from './tampered.ts'
import { growFrom, type FullSubtree, type GrowingTree } from '../sealing/growing-tree.ts'

/** How the tree grew, by the bytes that the database gives back. */
export interface VerifiedGrowth {
  readonly frontier: Frontier
  readonly root: Buffer
  /** The tree's root at each multiple of 256 that was passed, that one included. */
  readonly anchors: readonly { anchor: number; root: Buffer }[]
  readonly subtrees: readonly FullSubtree[]
}

/** LOCK-MON-4: an anchor stands after exactly so many events. */
export const ANCHOR_EVENTS = 256

// Of one query, and of one signing; the rest follows in the next.
const READ_ENTRIES_MAX = 2_048
const GROWTH_ENTRIES_MAX = 65_536

/**
 * Reads the entries behind `from` back from the database, where an anchor is passed all of the
 * anchor's, and computes every leaf and root anew (LOCK-MON-4): a bit that flipped since must not
 * be signed. Stops at the committed `target`, or before it after 65,536 entries.
 *
 * @throws Tampered naming where the bytes disagree
 */
export async function verifyGrowth(
  connection: Connection,
  from: Frontier,
  target: Frontier,
): Promise<VerifiedGrowth> {
  const start = startOf(from, target)
  const tree = growFrom(start)
  const anchors: { anchor: number; root: Buffer }[] = []
  let size = start.size
  while (size < target.size && size - from.size < GROWTH_ENTRIES_MAX) {
    const end = Math.min(size + READ_ENTRIES_MAX, target.size)
    const batches = await readBatches(connection, { begin: size, end })
    if (batches.length === 0) throw new Tampered(`the entries from ${size} on are missing`)
    for (const batch of batches) {
      size = appendBatch(tree, batch, { size, from, anchors })
    }
  }
  const frontier = tree.frontier()
  const root = frontierRoot(frontier)
  if (size > target.size || (size === target.size && !root.equals(frontierRoot(target)))) {
    throw new Tampered(`the root over ${size} entries is not the one that was committed`)
  }
  return { frontier, root, anchors, subtrees: tree.takeFull() }
}

/**
 * Where reading starts: an anchor is signed only over bytes that were all read again, from its own
 * first entry on.
 */
function startOf(from: Frontier, target: Frontier): Frontier {
  const anchored = Math.floor(from.size / ANCHOR_EVENTS)
  if (anchored === Math.floor(target.size / ANCHOR_EVENTS)) return from
  // The nodes stand for the ones in the size's binary form, the largest in front.
  const nodes = from.nodes.slice(0, onesOf(anchored))
  return { size: anchored * ANCHOR_EVENTS, nodes }
}

function onesOf(number: number): number {
  return [...number.toString(2)].filter((digit) => digit === '1').length
}

interface Progress {
  /** How far the tree has grown. */
  readonly size: number
  /** What was signed before. */
  readonly from: Frontier
  readonly anchors: { anchor: number; root: Buffer }[]
}

/** Appends what of the batch is not in the tree yet. Returns how far the tree has grown then. */
function appendBatch(tree: GrowingTree, batch: StoredBatch, progress: Progress): number {
  const { from, anchors } = progress
  const leaves = leavesOf(batch)
  const committed = batch.leafHashes.toString('latin1')
  const end = batch.firstIndex + leaves.length
  if (batch.firstIndex > progress.size || end <= progress.size) {
    throw new Tampered(`the entries from ${progress.size} on are missing`)
  }
  for (let size = progress.size; size < end;) {
    const nth = size - batch.firstIndex
    const leaf = leaves[nth] ?? NO_LEAF
    if (!committed.startsWith(leaf, HASH_BYTES * nth)) {
      throw new Tampered(`entry ${size} does not have the leaf hash that was committed`)
    }
    tree.append(leaf)
    size += 1
    if (size === from.size && !frontierRoot(tree.frontier()).equals(frontierRoot(from))) {
      throw new Tampered(`the root over ${size} entries is not the one that was signed`)
    }
    if (size % ANCHOR_EVENTS === 0) {
      anchors.push({ anchor: size / ANCHOR_EVENTS, root: frontierRoot(tree.frontier()) })
    }
  }
  return end
}

const NO_LEAF = 'none'

function leavesOf(batch: StoredBatch): string[] {
  try {
    const leaves = hashLeaves(batch.entries)
    if (leaves.length * HASH_BYTES === batch.leafHashes.length) return leaves
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  throw new Tampered(`the batch from ${batch.firstIndex} on is torn`)
}
