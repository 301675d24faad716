import { nodeHash, type Frontier } from '@mumega/tlog/merkle'

/** A subtree of 256^`level` leaves that is full, at `position` among its like. */
export interface FullSubtree {
  readonly level: number
  readonly position: number
  readonly hash: Buffer
}

const BITS_PER_LEVEL = 8

/** A tree that grows leaf by leaf and tells which subtrees of 256, 256², … leaves became full. */
export interface GrowingTree {
  append(leaf: Buffer): void
  frontier(): Frontier
  /** The full subtrees since the last call, in the order in which they became full. */
  takeFull(): FullSubtree[]
}

export function growFrom(start: Frontier): GrowingTree {
  const nodes = [...start.nodes]
  let size = start.size
  let full: FullSubtree[] = []

  return {
    append(leaf) {
      let node = leaf
      let bits = 0
      // Adding one to `size` carries through its trailing ones; each carry joins two equal subtrees.
      for (let carry = size; carry % 2 === 1; carry = (carry - 1) / 2) {
        const left = nodes.pop()
        if (left === undefined)
          throw new RangeError('a frontier has one node for each bit of its size')
        node = nodeHash(left, node)
        bits += 1
        if (bits % BITS_PER_LEVEL === 0) {
          const position = Math.floor(size / 2 ** bits)
          full.push({ level: bits / BITS_PER_LEVEL, position, hash: node })
        }
      }
      nodes.push(node)
      size += 1
    },
    frontier: () => ({ size, nodes: [...nodes] }),
    takeFull() {
      const taken = full
      full = []
      return taken
    },
  }
}
