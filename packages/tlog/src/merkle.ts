import { hash } from 'node:crypto'
import { fullSubtrees, isSize, levelBelow, splitOf, type NodeAt } from './subtrees.ts'

/** Bytes of one hash. */
export const HASH_BYTES = 32

/** The root of a tree without leaves: SHA-256 of nothing (RFC 6962, 2.1). */
export const EMPTY_ROOT = hash('sha256', '', 'buffer')

/** The hash of one entry as a leaf: SHA-256(0x00 ‖ entry), RFC 6962, 2.1. */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(entry.length + 1)
  input[0] = 0
  input.set(entry, 1)
  return hash('sha256', input, 'buffer')
}

// One scratch buffer for all calls: hashing is synchronous, and allocating 65 bytes costs as much.
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/**
 * The hash of an inner node: SHA-256(0x01 ‖ left ‖ right). Throws RangeError unless both are 32
 * bytes.
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
    throw new RangeError('a node has two children of 32 bytes each')
  }
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return hash('sha256', nodeInput, 'buffer')
}

/** The root of the tree of these leaf hashes. */
export function rootOf(leafHashes: readonly Buffer[]): Buffer {
  return frontierRoot(extendFrontier(emptyFrontier(), leafHashes))
}

/**
 * What is needed of a tree to append to it: the roots of its perfect subtrees, the widest
 * (leftmost) first, one for each bit set in `size`. Never changed in place.
 */
export interface Frontier {
  /** Leaves so far, at most Number.MAX_SAFE_INTEGER. */
  readonly size: number
  readonly nodes: readonly Buffer[]
}

/** The frontier of the tree without leaves. */
export function emptyFrontier(): Frontier {
  return { size: 0, nodes: [] }
}

/**
 * The frontier after these leaf hashes were appended in order. `frontier` itself stays as it was.
 */
export function extendFrontier(frontier: Frontier, leafHashes: readonly Uint8Array[]): Frontier {
  const nodes = [...frontier.nodes]
  let size = frontier.size
  if (!Number.isSafeInteger(size + leafHashes.length)) throw new RangeError('the tree is full')
  for (const leaf of leafHashes) {
    if (leaf.length !== HASH_BYTES) throw new RangeError('a leaf hash has 32 bytes')
    let node: Buffer = Buffer.from(leaf)
    // Adding one to `size` carries through its trailing ones; each carry joins two equal subtrees.
    for (let carry = size; carry % 2 === 1; carry = (carry - 1) / 2) {
      node = nodeHash(pop(nodes), node)
    }
    nodes.push(node)
    size += 1
  }
  return { size, nodes }
}

/** The root of the whole tree: the perfect subtrees joined from the narrowest to the widest. */
export function frontierRoot(frontier: Frontier): Buffer {
  return joinSubtrees(frontier.nodes) ?? EMPTY_ROOT
}

/** The node over these neighbouring subtrees, the widest first; undefined for none. */
export function joinSubtrees(nodes: readonly Buffer[]): Buffer | undefined {
  return nodes.reduceRight<Buffer | undefined>(
    (right, left) => (right === undefined ? left : nodeHash(left, right)),
    undefined,
  )
}

/** The frontier as bytes for storage: size (8 bytes, big endian), then the nodes. */
export function encodeFrontier(frontier: Frontier): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(BigInt(frontier.size))
  return Buffer.concat([head, ...frontier.nodes])
}

/** The frontier that `encodeFrontier` wrote. Throws RangeError when the bytes cannot be one. */
export function decodeFrontier(bytes: Uint8Array): Frontier {
  const buffer = Buffer.from(bytes)
  const size = buffer.length < 8 ? NaN : Number(buffer.readBigUInt64BE())
  if (!Number.isSafeInteger(size)) throw new RangeError('a frontier starts with its size')
  if (buffer.length !== 8 + countOnes(size) * HASH_BYTES) {
    throw new RangeError(`a frontier of ${size} leaves has ${countOnes(size)} nodes`)
  }
  const nodes: Buffer[] = []
  for (let at = 8; at < buffer.length; at += HASH_BYTES) {
    nodes.push(buffer.subarray(at, at + HASH_BYTES))
  }
  return { size, nodes }
}

function countOnes(size: number): number {
  let ones = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
  return ones
}

function pop(nodes: Buffer[]): Buffer {
  const node = nodes.pop()
  if (node === undefined) throw new RangeError('a frontier has one node for each bit of its size')
  return node
}

/**
 * For each hash of a proof, in its order, the full subtrees that it joins, the widest first. A
 * caller that stores nodes far away fetches `plan.flat()` in one batch and gives the answers to
 * `assembleProof`; one that has them at hand calls `inclusionProof` or `consistencyProof`.
 */
export type ProofPlan = readonly (readonly NodeAt[])[]

/** What the inclusion proof of leaf `index` in a tree of `size` leaves needs (RFC 6962, 2.1.1). */
export function planInclusion(size: number, index: number): ProofPlan {
  if (!isSize(size) || !isSize(index) || index >= size) {
    throw new RangeError(`there is no leaf ${index} in a tree of ${size}`)
  }
  const plan: NodeAt[][] = []
  let [begin, end] = [0, size]
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin)
    if (index < middle) {
      plan.push(fullSubtrees(middle, end))
      end = middle
    } else {
      plan.push(fullSubtrees(begin, middle))
      begin = middle
    }
  }
  return plan.reverse()
}

/** What the proof that `newSize` leaves extend `oldSize` leaves needs (RFC 6962, 2.1.2). */
export function planConsistency(oldSize: number, newSize: number): ProofPlan {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) {
    throw new RangeError(`a tree of ${newSize} does not extend one of ${oldSize}`)
  }
  if (oldSize === 0) return []
  const plan: NodeAt[][] = []
  let [begin, end] = [0, newSize]
  while (end > oldSize) {
    const middle = begin + splitOf(end - begin)
    if (oldSize <= middle) {
      plan.push(fullSubtrees(middle, end))
      end = middle
    } else {
      plan.push(fullSubtrees(begin, middle))
      begin = middle
    }
  }
  // A verifier knows the old root already, and that is the remaining subtree when it begins at 0.
  if (begin > 0) plan.push(fullSubtrees(begin, end))
  return plan.reverse()
}

/** The proof's hashes, given the hash of each node of `plan.flat()` in that order. */
export function assembleProof(plan: ProofPlan, hashes: readonly Buffer[]): Buffer[] {
  if (hashes.length !== plan.flat().length) throw new RangeError('the plan asks for another number')
  let at = 0
  return plan.map((nodes) => {
    const joined = joinSubtrees(hashes.slice(at, at + nodes.length))
    at += nodes.length
    if (joined === undefined) throw new RangeError('a proof hash joins at least one subtree')
    return joined
  })
}

/** Gives the hash of a node that is at hand; see `NodeAt` for which. */
export type HashAt = (level: number, index: number) => Buffer

/**
 * The inclusion proof of leaf `index` in a tree of `size` leaves, from the leaf's sibling upward.
 */
export function inclusionProof(size: number, index: number, hashAt: HashAt): Buffer[] {
  return proofOf(planInclusion(size, index), hashAt)
}

/** The proof that the tree of `newSize` leaves starts with the same `oldSize` leaves. */
export function consistencyProof(oldSize: number, newSize: number, hashAt: HashAt): Buffer[] {
  return proofOf(planConsistency(oldSize, newSize), hashAt)
}

function proofOf(plan: ProofPlan, hashAt: HashAt): Buffer[] {
  const hashes = plan.flat().map((node) => hashAt(node.level, node.index))
  return assembleProof(plan, hashes)
}

export interface InclusionClaim {
  readonly leafHash: Uint8Array
  readonly index: number
  readonly size: number
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
}

/**
 * Whether `proof` shows that the leaf stands at `index` under `root` (RFC 9162, 2.1.3.2). Never
 * throws.
 */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size, proof, root } = claim
  if (!isSize(size) || !isSize(index) || index >= size) return false
  if (![claim.leafHash, root, ...proof].every(isHash)) return false
  let [fn, sn, node] = [index, size - 1, claim.leafHash]
  for (const sibling of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sibling, node)
      while (fn % 2 === 0 && fn > 0) [fn, sn] = [half(fn), half(sn)]
    } else {
      node = nodeHash(node, sibling)
    }
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && isEqual(node, root)
}

export interface ConsistencyClaim {
  readonly oldSize: number
  readonly newSize: number
  readonly oldRoot: Uint8Array
  readonly newRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/**
 * Whether `proof` shows that the new tree extends the old one (RFC 9162, 2.1.4.2). Never throws.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) return false
  if (![oldRoot, newRoot, ...proof].every(isHash)) return false
  if (oldSize === 0) return proof.length === 0 && isEqual(oldRoot, EMPTY_ROOT)
  if (oldSize === newSize) return proof.length === 0 && isEqual(oldRoot, newRoot)
  // An old tree that is one full subtree is itself the first hash, which the proof leaves out.
  const path = 2 ** levelBelow(oldSize) === oldSize ? [oldRoot, ...proof] : proof
  const [first, ...rest] = path
  if (first === undefined) return false
  let [fn, sn] = [oldSize - 1, newSize - 1]
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]
  let [fr, sr] = [first, first]
  for (const node of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      ;[fr, sr] = [nodeHash(node, fr), nodeHash(node, sr)]
      while (fn % 2 === 0 && fn > 0) [fn, sn] = [half(fn), half(sn)]
    } else {
      sr = nodeHash(sr, node)
    }
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && isEqual(fr, oldRoot) && isEqual(sr, newRoot)
}

function half(value: number): number {
  return Math.floor(value / 2)
}

function isHash(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === HASH_BYTES
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
