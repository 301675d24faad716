import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { rootOf, verifyInclusion } from '@mumega/tlog/merkle'
import { proveInclusion } from './inclusion.ts'
import type { NodeRange } from './proof-repository.ts'

const leaves = Array.from({ length: 70_000 }, (_, nth) => hash('sha256', String(nth), 'buffer'))

/** Stored nodes as the ledger keeps them: full subtrees only, within the size. */
function storedNodes(size: number) {
  const levels: Buffer[][] = [leaves.slice(0, size)]
  for (let level = 1; level <= 2; level += 1) {
    const below = levels[level - 1] ?? []
    const full = Math.floor(below.length / 256)
    levels.push(
      Array.from({ length: full }, (_, nth) => rootOf(below.slice(256 * nth, 256 * (nth + 1)))),
    )
  }
  return (range: NodeRange): Buffer[] => {
    const hashes = (levels[range.level] ?? []).slice(range.begin, range.end)
    if (hashes.length !== range.end - range.begin) throw new Error('not all there')
    return hashes
  }
}

test.each([1, 2, 255, 256, 257, 511, 513, 70_000])(
  'every proof in a log of %d verifies, and none reads the whole of it',
  async (size) => {
    const root = rootOf(leaves.slice(0, size))
    const hashesOf = storedNodes(size)
    const step = Math.max(1, Math.floor(size / 97))
    for (let index = 0; index < size; index += step) {
      const reads: NodeRange[] = []
      const proof = await proveInclusion(size, index, (ranges) => {
        reads.push(...ranges)
        return Promise.resolve(ranges.map(hashesOf))
      })
      const leaf = leaves[index] ?? Buffer.alloc(0)
      expect(verifyInclusion({ leafHash: leaf, index, size, proof, root })).toBe(true)
      expect(reads.length).toBeLessThanOrEqual(6)
      for (const { begin, end } of reads) expect(end - begin).toBeLessThanOrEqual(256)
    }
  },
)
