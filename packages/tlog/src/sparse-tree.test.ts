import { expect, test } from '@jest/globals'
import { leafHash, rootOf } from './merkle.ts'
import { openSparseTree } from './sparse-tree.ts'
import { alignedSubtrees } from './subtrees.ts'

const leaves = Array.from({ length: 300 }, (_, nth) => leafHash(Buffer.from([nth % 256, nth >> 8])))

function rootsBetween(begin: number, end: number): Buffer[] {
  return alignedSubtrees(begin, end).map(({ level, index }) =>
    rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
  )
}

test('a tree of some leaves and what lies between them has the root of all, for every size up to 300', () => {
  for (let size = 0; size <= leaves.length; size += 1) {
    for (const step of [1, 2, 3, 7, 64, 301]) {
      const tree = openSparseTree()
      for (let index = step - 1; index < size; index += step) {
        tree.skipTo(index, rootsBetween(tree.size(), index))
        tree.addLeaf(leaves[index] ?? Buffer.alloc(0))
      }
      tree.skipTo(size, rootsBetween(tree.size(), size))
      expect(tree.root()).toEqual(rootOf(leaves.slice(0, size)))
      expect(tree.size()).toBe(size)
    }
  }
})

test('a gap with a subtree too many or too few, or one that is no hash, is refused', () => {
  const roots = rootsBetween(0, 7)
  expect(roots).toHaveLength(3)

  expect(() => openSparseTree().skipTo(7, roots.slice(1))).toThrow(RangeError)
  expect(() => openSparseTree().skipTo(7, [...roots, ...roots])).toThrow(RangeError)
  expect(() => openSparseTree().skipTo(1, [Buffer.alloc(31)])).toThrow(RangeError)
  expect(() => openSparseTree().skipTo(-1, [])).toThrow(RangeError)
  expect(() => openSparseTree().skipTo(1.5, roots)).toThrow(RangeError)
})

test('another leaf in any place gives another root', () => {
  for (let index = 0; index < 20; index += 1) {
    const tree = openSparseTree()
    tree.skipTo(index, rootsBetween(0, index))
    tree.addLeaf(leafHash(Buffer.from('another')))
    tree.skipTo(20, rootsBetween(index + 1, 20))
    expect(tree.root()).not.toEqual(rootOf(leaves.slice(0, 20)))
  }
})
