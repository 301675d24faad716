import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { rootOf, verifyInclusion } from '@mumega/tlog/merkle'
import { proveInclusion, readNodes } from './inclusion.ts'
import type { NodeRange } from './proof-repository.ts'
import { openUpperNodes } from './upper-nodes.ts'

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
      const proof = await proveInclusion(size, index, (nodes) =>
        readNodes(nodes, (ranges) => {
          reads.push(...ranges)
          return Promise.resolve(ranges.map(hashesOf))
        }),
      )
      const leaf = leaves[index] ?? Buffer.alloc(0)
      expect(verifyInclusion({ leafHash: leaf, index, size, proof, root })).toBe(true)
      expect(reads.length).toBeLessThanOrEqual(6)
      for (const { begin, end } of reads) expect(end - begin).toBeLessThanOrEqual(256)
    }
  },
)

interface Grown {
  readonly hashesOf: ReturnType<typeof storedNodes>
  readonly root: Buffer
}

const grown = new Map<number, Grown>()

/** A log of this size, made once. */
function grownTo(size: number): Grown {
  const made = grown.get(size) ?? {
    ...{ hashesOf: storedNodes(size), root: rootOf(leaves.slice(0, size)) },
  }
  grown.set(size, made)
  return made
}

function givenKept() {
  const log = { size: 0, reads: [] as NodeRange[], alter: (hash: Buffer) => hash }
  const nodes = openUpperNodes((ranges) => {
    log.reads.push(...ranges)
    const { hashesOf } = grownTo(log.size)
    return Promise.resolve(
      ranges.map((range) =>
        hashesOf(range).map((hash) => (range.level > 0 ? log.alter(hash) : hash)),
      ),
    )
  })
  const proves = async (index: number) => {
    const proof = await proveInclusion(log.size, index, (wanted) => nodes.read(log.size, wanted))
    const { root } = grownTo(log.size)
    return verifyInclusion({
      leafHash: leaves[index] ?? Buffer.alloc(0),
      ...{ index, size: log.size, proof, root },
    })
  }
  const upperReads = () => log.reads.splice(0).filter(({ level }) => level > 0)
  return { log, nodes, proves, upperReads }
}

test('with what is kept of a smaller log, every proof of the log that grew verifies', async () => {
  const { log, proves, upperReads } = givenKept()
  for (const size of [1, 255, 256, 257, 511, 512, 4_000, 65_535, 65_536, 65_792, 70_000]) {
    log.size = size
    const step = Math.max(1, Math.floor(size / 61))
    for (let index = 0; index < size; index += step) expect(await proves(index)).toBe(true)
    for (const { level, begin, end } of upperReads()) {
      expect(end).toBeLessThanOrEqual(Math.floor(size / 256 ** level))
      expect(end - begin).toBeLessThanOrEqual(256)
    }
  }
})

test('what stands above the tiles of the leaves is read once, and the last of a level once it grew', async () => {
  const { log, proves, upperReads } = givenKept()
  log.size = 69_000
  await proves(1)
  const whole = { level: 1, begin: 0, end: 256 }
  const last = { level: 1, begin: 256, end: 269 }
  expect(upperReads()).toEqual(expect.arrayContaining([whole, last]))
  await proves(30_000)
  await proves(2)
  expect(upperReads()).toEqual([])

  log.size = 68_000
  await proves(3)
  expect(upperReads()).toEqual([])
  log.size = 70_000
  await proves(4)
  expect(upperReads()).toEqual([{ ...last, end: 273 }])
})

test('what was altered while it was read is read anew once it is forgotten', async () => {
  const { log, nodes, proves } = givenKept()
  log.size = 70_000
  log.alter = (hash) => Buffer.from(hash.map((byte) => byte ^ 1))
  expect(await proves(1)).toBe(false)
  log.alter = (hash) => hash
  expect(await proves(1)).toBe(false)

  nodes.forget()

  expect(await proves(1)).toBe(true)
})
