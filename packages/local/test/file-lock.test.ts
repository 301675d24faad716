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

/** Another process that tries for the lock, says whether it got it, and stays until it is killed. */
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

test('of many that find a dead holder’s lock at once, at most one gets it', async () => {
  const path = join(folder, 'raced')
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, startMark: '0' }))

  const rivals = Array.from({ length: 6 }, () => rival(path))
  const answers = await Promise.all(rivals.map((each) => each.answered))

  expect(answers.filter((answer) => answer === 'got')).toHaveLength(1)
  await Promise.all(rivals.map((each) => each.kill()))
})
