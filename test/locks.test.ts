import { describe, expect, test } from '@jest/globals'
import { findHolders, findLockTests, listLocks } from './locks/lock-list.ts'
import { MUTATIONS } from './locks/mutations.ts'
import { listFiles, readText } from './tree.ts'

const locks = listLocks()
const ids = locks.map(({ id }) => id).sort()
const holders = findHolders()
const tests = findLockTests()

const filesProving = (id: string) =>
  [...new Set(tests.filter((proof) => proof.id === id).map(({ file }) => file))].sort()

describe('the LOCKs', () => {
  test('the list, the source and the tests name the same ones', () => {
    expect(ids).toEqual([...new Set(ids)])
    expect([...holders.keys()].sort()).toEqual(ids)
    expect([...new Set(tests.map(({ id }) => id))].sort()).toEqual(ids)
    expect(ids.length).toBeGreaterThan(0)
  })

  test.each(locks)('the list says where $id is held and what proves it', (lock) => {
    expect(lock.rule).not.toBe('')
    expect(lock.heldIn).toEqual(holders.get(lock.id))
    expect(lock.provedBy).toEqual(filesProving(lock.id))
  })

  test.each(ids)('a guard of %s can be taken away to prove its tests', (id) => {
    expect(MUTATIONS.filter(({ lock }) => lock === id)).not.toEqual([])
  })

  test('every guard that is taken away stands in its file once', () => {
    const files = new Set(listFiles())
    const lost = MUTATIONS.flatMap(({ lock, edits }) =>
      edits
        .filter(({ file, find }) => !files.has(file) || readText(file).split(find).length !== 2)
        .map(({ file, find }) => ({ lock, file, find })),
    )

    expect(lost).toEqual([])
  })
})
