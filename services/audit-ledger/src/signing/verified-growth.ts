import { hash } from 'node:crypto'
import { frontierRoot, type Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import { readBatches, type StoredBatch } from './checkpoint-repository.ts'
import { framesOf } from './frames.ts'
import { growFrom, type FullSubtree, type GrowingTree } from '../sealing/growing-tree.ts'

/** What the database holds is not what was committed or signed. Nothing may be signed over it. */
export class Tampered extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Tampered'
  }
}

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
 * Reads the entries behind `from` back from the database and computes every leaf and root anew (LOCK-MON-4): a bit
 * that flipped since must not be signed. Stops at the committed `target`, or before it after 65,536 entries.
 *
 * @throws Tampered naming where the bytes disagree
 */
export async function verifyGrowth(
  connection: Connection,
  from: Frontier,
  target: Frontier,
): Promise<VerifiedGrowth> {
  const tree = growFrom(from)
  const anchors: { anchor: number; root: Buffer }[] = []
  let size = from.size
  while (size < target.size && size - from.size < GROWTH_ENTRIES_MAX) {
    const end = Math.min(size + READ_ENTRIES_MAX, target.size)
    const batches = await readBatches(connection, { begin: size, end })
    if (batches.length === 0) throw new Tampered(`the entries from ${size} on are missing`)
    for (const batch of batches) {
      if (batch.firstIndex !== size) throw new Tampered(`the entries from ${size} on are missing`)
      size += appendBatch(tree, batch, anchors)
    }
  }
  const frontier = tree.frontier()
  const root = frontierRoot(frontier)
  if (size > target.size || (size === target.size && !root.equals(frontierRoot(target)))) {
    throw new Tampered(`the root over ${size} entries is not the one that was committed`)
  }
  return { frontier, root, anchors, subtrees: tree.takeFull() }
}

function appendBatch(
  tree: GrowingTree,
  batch: StoredBatch,
  anchors: { anchor: number; root: Buffer }[],
): number {
  const entries = entriesOf(batch)
  entries.forEach((entry, nth) => {
    const index = batch.firstIndex + nth
    const leaf = hashLeaf(entry)
    if (leaf !== batch.leafHashes.toString('latin1', 32 * nth, 32 * (nth + 1))) {
      throw new Tampered(`entry ${index} does not have the leaf hash that was committed`)
    }
    tree.append(leaf)
    if ((index + 1) % ANCHOR_EVENTS === 0) {
      const root = frontierRoot(tree.frontier())
      anchors.push({ anchor: (index + 1) / ANCHOR_EVENTS, root })
    }
  })
  return entries.length
}

const leafInput = Buffer.alloc(1 + 65_535)

/** SHA-256(0x00 ‖ entry) in latin1, RFC 6962, 2.1. */
function hashLeaf(entry: Buffer): string {
  leafInput.set(entry, 1)
  return hash('sha256', leafInput.subarray(0, 1 + entry.length), 'binary')
}

function entriesOf(batch: StoredBatch): Buffer[] {
  try {
    const entries = framesOf(batch.entries)
    if (entries.length * 32 === batch.leafHashes.length) return entries
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  throw new Tampered(`the batch from ${batch.firstIndex} on is torn`)
}
