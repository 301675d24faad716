import { hash } from 'node:crypto'
import { HASH_BYTES, type Frontier } from '@mumega/tlog/merkle'

/** A subtree of 256^`level` leaves that is full, at `position` among its like. */
export interface FullSubtree {
  readonly level: number
  readonly position: number
  readonly hash: Buffer
}

/** A tree that grows leaf by leaf and tells which subtrees of 256, 256², … leaves became full. */
export interface GrowingTree {
  /** Appends a leaf by its hash, 32 bytes in latin1. */
  append(leafHash: string): void
  frontier(): Frontier
  /** The full subtrees since the last call, in the order in which they became full. */
  takeFull(): FullSubtree[]
}

const BITS_PER_LEVEL = 8

/**
 * Grows from `start`. Hashes are kept as latin1 strings: Node gives a digest as a string in half
 * the time that it takes to make a Buffer of it, and each event is hashed seven times on its way.
 */
export function growFrom(start: Frontier): GrowingTree {
  const nodes = start.nodes.map((node) => node.toString('latin1'))
  let size = start.size
  let full: FullSubtree[] = []

  return {
    append(leafHash) {
      let node = leafHash
      let bits = 0
      // Adding one to `size` carries through its trailing ones; each carry joins two equal
      // subtrees.
      for (let carry = size; carry % 2 === 1; carry = (carry - 1) / 2) {
        const left = nodes.pop()
        if (left === undefined)
          throw new RangeError('a frontier has a node for each bit of its size')
        node = joinNodes(left, node)
        bits += 1
        if (bits % BITS_PER_LEVEL === 0) {
          const position = Math.floor(size / 2 ** bits)
          full.push({ level: bits / BITS_PER_LEVEL, position, hash: Buffer.from(node, 'latin1') })
        }
      }
      nodes.push(node)
      size += 1
    },
    frontier: () => ({ size, nodes: nodes.map((node) => Buffer.from(node, 'latin1')) }),
    takeFull() {
      const taken = full
      full = []
      return taken
    },
  }
}

const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** SHA-256(0x01 ‖ left ‖ right), RFC 6962, 2.1. */
function joinNodes(left: string, right: string): string {
  nodeInput.write(left, 1, 'latin1')
  nodeInput.write(right, 1 + HASH_BYTES, 'latin1')
  return hash('sha256', nodeInput, 'binary')
}
