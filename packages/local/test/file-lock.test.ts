import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { tryLock } from '@mumega/local/file-lock'
import { startMarkOf } from '@mumega/local/processes'

const folder = mkdtempSync(join(tmpdir(), 'file-lock-'))
const moduleUrl = import.meta.resolve('@mumega/local/file-lock')

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/**
 * Another process that tries for the lock, says whether it got it, and stays until it is killed.
 */
function rival(path: string) {
  const code = `
    const { tryLock } = await import(${JSON.stringify(moduleUrl)})
    console.log('release' in tryLock(${JSON.stringify(path)}) ? 'got' : 'refused')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  const answered = once(child.stdout, 'data').then(([chunk]) => String(chunk).trim())
  return {
    answered,
    async kill() {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

test('a lock that a living process holds is refused and names that process', () => {
  const path = join(folder, 'held')
  const lock = tryLock(path)

  expect(tryLock(path)).toEqual({ heldBy: { pid: process.pid, startMark: expect.any(String) } })

  if ('release' in lock) lock.release()
  expect(existsSync(path)).toBe(false)
})

test('the lock of a process that was killed is taken over', async () => {
  const path = join(folder, 'orphaned')
  const holder = rival(path)
  expect(await holder.answered).toBe('got')
  expect(tryLock(path)).toHaveProperty('heldBy')

  await holder.kill()

  expect(tryLock(path)).toHaveProperty('release')
})

test('a lock whose number another process has by now does not hold', () => {
  const path = join(folder, 'reused')
  const holder = { pid: process.ppid, startMark: `${startMarkOf(process.ppid)}0` }
  writeFileSync(path, JSON.stringify(holder))

  expect(tryLock(path)).toHaveProperty('release')
})

const ROUNDS = 600
const ROUND_MS = 4

/**
 * Another process that tries for one lock after the other, at agreed moments; gives those it got.
 */
function racer(folderOfLocks: string, startAtMs: number): Promise<number[]> {
  const code = `
    const { tryLock } = await import(${JSON.stringify(moduleUrl)})
    const got = []
    for (let round = 0; round < ${ROUNDS}; round += 1) {
      while (Date.now() < ${startAtMs} + round * ${ROUND_MS});
      if ('release' in tryLock(${JSON.stringify(folderOfLocks)} + '/' + round)) got.push(round)
    }
    console.log(JSON.stringify(got))
    setTimeout(() => {}, 2000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  return once(child.stdout, 'data').then(([chunk]) => JSON.parse(String(chunk)) as number[])
}

test('of many that find a dead holder’s lock at once, exactly one gets it', async () => {
  const folderOfLocks = mkdtempSync(join(folder, 'raced-'))
  for (let round = 0; round < ROUNDS; round += 1) {
    writeFileSync(join(folderOfLocks, String(round)), '{"pid":4194305,"startMark":"0"}')
  }

  const startAtMs = Date.now() + 2_000
  const taken = await Promise.all([1, 2, 3].map(() => racer(folderOfLocks, startAtMs)))

  expect(taken.flat().sort((one, other) => one - other)).toEqual(
    Array.from({ length: ROUNDS }, (_, round) => round),
  )
})
