import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { emptyFrontier, extendFrontier, rootOf } from '@mumega/tlog/merkle'
import { growFrom } from './growing-tree.ts'

const leaves = Array.from({ length: 66_000 }, (_, nth) => hash('sha256', String(nth), 'buffer'))

test('a tree that grows leaf by leaf has the frontier of the general one at every size', () => {
  const tree = growFrom(emptyFrontier())
  let expected = emptyFrontier()
  for (const leaf of leaves.slice(0, 600)) {
    tree.append(leaf.toString('latin1'))
    expected = extendFrontier(expected, [leaf])
    expect(tree.frontier()).toEqual(expected)
  }
})

test('subtrees of 256 and 65,536 leaves are told once, when they become full, from any start', () => {
  const start = extendFrontier(emptyFrontier(), leaves.slice(0, 100))
  const tree = growFrom(start)
  for (const leaf of leaves.slice(100)) tree.append(leaf.toString('latin1'))

  const full = tree.takeFull()

  expect(full.filter(({ level }) => level === 1)).toHaveLength(257)
  expect(full[0]).toEqual({ level: 1, position: 0, hash: rootOf(leaves.slice(0, 256)) })
  const wide = full.filter(({ level }) => level === 2)
  expect(wide).toEqual([{ level: 2, position: 0, hash: rootOf(leaves.slice(0, 65_536)) }])
  expect(tree.takeFull()).toEqual([])
})
