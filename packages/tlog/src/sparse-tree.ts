import { EMPTY_ROOT, joinSubtrees, nodeHash } from './merkle.ts'
import { alignedSubtrees, isSize } from './subtrees.ts'

/**
 * A tree of which only some leaves are at hand: it grows by leaves and by the roots of the full
 * subtrees between them, and has the same root as the tree of all leaves. It keeps one hash for
 * each bit of its size.
 */
export interface SparseTree {
  size(): number
  /** Adds the next leaf. Throws RangeError unless it is a hash. */
  addLeaf(leafHash: Uint8Array): void
  /**
   * Adds what lies between here and `end`, as the roots of `alignedSubtrees(size, end)`.
   *
   * @throws RangeError when there are more or fewer of them, or one is no hash
   */
  skipTo(end: number, roots: readonly Uint8Array[]): void
  root(): Buffer
}

export function openSparseTree(): SparseTree {
  const nodes: Buffer[] = []
  let size = 0

  function add(level: number, root: Uint8Array): void {
    let node: Buffer = Buffer.from(root)
    // As in counting: each one that is carried joins two neighbours of the same width.
    for (let carry = size / 2 ** level; carry % 2 === 1; carry = (carry - 1) / 2) {
      const left = nodes.pop()
      if (left === undefined) throw new RangeError('the tree has lost a node')
      node = nodeHash(left, node)
    }
    if (node.length !== 32) throw new RangeError('a hash has 32 bytes')
    nodes.push(node)
    size += 2 ** level
  }

  return {
    size: () => size,
    addLeaf(leafHash) {
      add(0, leafHash)
    },
    skipTo(end, roots) {
      if (!isSize(end) || end < size)
        throw new RangeError(`a tree of ${size} cannot skip to ${end}`)
      const subtrees = alignedSubtrees(size, end)
      if (subtrees.length !== roots.length) {
        throw new RangeError(`from ${size} to ${end} there are ${subtrees.length} subtrees`)
      }
      subtrees.forEach(({ level }, nth) => add(level, roots[nth] ?? Buffer.alloc(0)))
    },
    root: () => joinSubtrees(nodes) ?? EMPTY_ROOT,
  }
}
