import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  assembleProof,
  consistencyProof,
  decodeFrontier,
  emptyFrontier,
  EMPTY_ROOT,
  encodeFrontier,
  extendFrontier,
  frontierRoot,
  inclusionProof,
  leafHash,
  nodeHash,
  planInclusion,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'

const SIZE_MAX = 300
// Every small one, and those around a full tile.
const SIZES = Array.from({ length: SIZE_MAX + 1 }, (_, size) => size).filter(
  (size) => size <= 130 || (size > 253 && size < 260) || size === SIZE_MAX,
)
const leaves = Array.from({ length: 1_000 }, (_, index) => leafHash(Buffer.from(`entry ${index}`)))

// The definitions of RFC 6962, 2.1, word for word, to be compared with.
const split = (size: number): number => 2 ** Math.ceil(Math.log2(size) - 1)
const known = new Map<string, Buffer>()

function naiveRoot(begin: number, end: number): Buffer {
  const only = leaves[begin]
  if (only === undefined || begin === end) return EMPTY_ROOT
  if (end - begin === 1) return only
  const key = `${begin}-${end}`
  const middle = begin + split(end - begin)
  const root = known.get(key) ?? nodeHash(naiveRoot(begin, middle), naiveRoot(middle, end))
  known.set(key, root)
  return root
}

function naivePath(index: number, begin: number, end: number): Buffer[] {
  if (end - begin === 1) return []
  const middle = begin + split(end - begin)
  return index < middle
    ? [...naivePath(index, begin, middle), naiveRoot(middle, end)]
    : [...naivePath(index, middle, end), naiveRoot(begin, middle)]
}

function naiveSubproof(old: number, [begin, end]: [number, number], isWhole: boolean): Buffer[] {
  if (old === end) return isWhole ? [] : [naiveRoot(begin, end)]
  const middle = begin + split(end - begin)
  return old <= middle
    ? [...naiveSubproof(old, [begin, middle], isWhole), naiveRoot(middle, end)]
    : [...naiveSubproof(old, [middle, end], false), naiveRoot(begin, middle)]
}

/** Full subtrees only, so that a proof that asks for another node is found out. */
function hashAt(level: number, index: number): Buffer {
  const end = (index + 1) * 2 ** level
  if (end > leaves.length) throw new Error(`no full subtree ${index} at level ${level}`)
  return naiveRoot(index * 2 ** level, end)
}

test('appending in any portions gives the roots of RFC 6962', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 90 }), { maxLength: 10 }), (portions) => {
      let frontier = emptyFrontier()
      for (const portion of portions) {
        const next = leaves.slice(frontier.size, frontier.size + portion)
        frontier = decodeFrontier(encodeFrontier(extendFrontier(frontier, next)))
      }
      expect(frontierRoot(frontier)).toEqual(naiveRoot(0, frontier.size))
    }),
  )
})

test('the root of every small tree is that of RFC 6962', () => {
  for (const size of SIZES) {
    expect(rootOf(leaves.slice(0, size)).equals(naiveRoot(0, size))).toBe(true)
  }
})

test('each inclusion proof of a small tree is that of RFC 6962, at its place only', () => {
  for (const size of SIZES.slice(1)) {
    const root = naiveRoot(0, size)
    for (const [index, leaf] of leaves.slice(0, size).entries()) {
      const proof = inclusionProof(size, index, hashAt)
      const claim = { leafHash: leaf, index, size, proof, root }
      if (!Buffer.concat(proof).equals(Buffer.concat(naivePath(index, 0, size)))) {
        throw new Error(`another proof of ${index} in ${size}`)
      }
      if (!verifyInclusion(claim)) throw new Error(`${index} in ${size} does not verify`)
      const elsewhere = (index + 1 + (size % 7)) % size
      if (elsewhere !== index && verifyInclusion({ ...claim, index: elsewhere })) {
        throw new Error(`${index} in ${size} also verifies at ${elsewhere}`)
      }
    }
  }
})

test('every consistency proof of every two small trees is that of RFC 6962 and holds', () => {
  for (const newSize of SIZES) {
    const newRoot = naiveRoot(0, newSize)
    for (let oldSize = 0; oldSize <= newSize; oldSize += 1) {
      const proof = consistencyProof(oldSize, newSize, hashAt)
      const oldRoot = naiveRoot(0, oldSize)
      const expected = oldSize === 0 ? [] : naiveSubproof(oldSize, [0, newSize], true)
      if (!Buffer.concat(proof).equals(Buffer.concat(expected))) {
        throw new Error(`another proof of ${oldSize} in ${newSize}`)
      }
      if (!verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof })) {
        throw new Error(`${oldSize} in ${newSize} does not verify`)
      }
      const wider = { oldSize, newSize: newSize * 2, oldRoot, newRoot, proof }
      if (oldSize > 0 && verifyConsistency(wider)) {
        throw new Error(`${oldSize} in ${newSize} also verifies in ${newSize * 2}`)
      }
      const forked = nodeHash(oldRoot, oldRoot)
      if (verifyConsistency({ oldSize, newSize, oldRoot: forked, newRoot, proof })) {
        throw new Error(`a forked tree of ${oldSize} verifies in ${newSize}`)
      }
    }
  }
})

/** One of: a bit flipped, a hash left out, a hash added, two neighbours exchanged. */
function damage(proof: readonly Buffer[], [kind, place, bit]: [number, number, number]): Buffer[] {
  const damaged = proof.map((hash) => Buffer.from(hash))
  const at = place % Math.max(1, proof.length)
  const hash = damaged[at]
  if (kind === 0 || hash === undefined) return [...damaged.slice(0, at), EMPTY_ROOT, ...damaged]
  if (kind === 1) return damaged.toSpliced(at, 1)
  const next = damaged[at + 1]
  if (kind === 2 && next !== undefined) return damaged.toSpliced(at, 2, next, hash)
  const byte = bit >> 3
  hash[byte] = (hash[byte] ?? 0) ^ (1 << (bit & 7))
  return damaged
}

const damages = fc.tuple(fc.nat({ max: 3 }), fc.nat(), fc.nat({ max: 255 }))

test('a damaged inclusion proof never verifies', () => {
  const places = fc
    .integer({ min: 1, max: leaves.length })
    .chain((size) => fc.tuple(fc.constant(size), fc.nat({ max: size - 1 })))

  fc.assert(
    fc.property(places, damages, ([size, index], kind) => {
      const proof = damage(inclusionProof(size, index, hashAt), kind)
      const leaf = leaves[index] ?? EMPTY_ROOT
      return !verifyInclusion({ leafHash: leaf, index, size, proof, root: naiveRoot(0, size) })
    }),
    { numRuns: 2_000 },
  )
})

test('a damaged consistency proof never verifies', () => {
  const sizes = fc
    .integer({ min: 1, max: leaves.length })
    .chain((newSize) => fc.tuple(fc.nat({ max: newSize }), fc.constant(newSize)))

  fc.assert(
    fc.property(sizes, damages, ([oldSize, newSize], kind) => {
      const proof = damage(consistencyProof(oldSize, newSize, hashAt), kind)
      const [oldRoot, newRoot] = [naiveRoot(0, oldSize), naiveRoot(0, newSize)]
      return !verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof })
    }),
    { numRuns: 2_000 },
  )
})

test('whatever is claimed, verifying answers and never throws', () => {
  const number = fc.oneof(fc.integer(), fc.double(), fc.maxSafeNat())
  const bytes = fc.uint8Array({ maxLength: 40 })
  const proof = fc.array(bytes, { maxLength: 70 })
  const inclusion = { leafHash: bytes, index: number, size: number, proof, root: bytes }
  const sizes = { oldSize: number, newSize: number }

  fc.assert(
    fc.property(fc.record(inclusion), (claim) => {
      expect(verifyInclusion(claim)).toBe(false)
    }),
  )
  fc.assert(
    fc.property(fc.record({ ...sizes, oldRoot: bytes, newRoot: bytes, proof }), (claim) => {
      expect(verifyConsistency(claim)).toBe(false)
    }),
  )
})

test('a proof is assembled from one batch of fetched nodes', () => {
  const plan = planInclusion(777, 700)
  const fetched = plan.flat().map((node) => hashAt(node.level, node.index))

  expect(assembleProof(plan, fetched)).toEqual(inclusionProof(777, 700, hashAt))
  expect(() => assembleProof(plan, fetched.slice(1))).toThrow(RangeError)
})

test('places and sizes are exact up to the largest safe integer', () => {
  const size = Number.MAX_SAFE_INTEGER
  const proof = inclusionProof(size, size - 1, () => EMPTY_ROOT)

  // The last leaf of 2^53 - 1 stands under 52 full subtrees to its left.
  expect(proof).toHaveLength(52)
  expect(() => inclusionProof(size, size, () => EMPTY_ROOT)).toThrow(RangeError)
})

test.each([
  ['too short', Buffer.alloc(7)],
  ['a node is missing', Buffer.from('0000000000000003', 'hex')],
  ['a size beyond exact numbers', Buffer.from('0020000000000000', 'hex')],
])('bytes that are no frontier are refused: %s', (_, bytes) => {
  expect(() => decodeFrontier(bytes)).toThrow(RangeError)
})
