import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { openJournal, openMemory } from './journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'journal-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const givenPath = () => join(folder, `${randomUUID()}.journal`)

test('what was added is remembered by the next one that opens it', async () => {
  const path = givenPath()
  const [one, two] = [randomUUID(), randomUUID()]
  const first = await openJournal(path)
  await first.add(one)
  await first.close()
  const second = await openJournal(path)
  await second.add(two)
  await second.close()

  const third = await openJournal(path)
  expect([one, two, randomUUID()].map((id) => third.has(id))).toEqual([true, true, false])
  await third.close()
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a line that a crash cut off is not remembered, and spoils nothing after it', async () => {
  const path = givenPath()
  const [whole, cut, later] = [randomUUID(), randomUUID(), randomUUID()]
  const first = await openJournal(path)
  await first.add(whole)
  await first.close()
  appendFileSync(path, cut.slice(0, 20))
  const second = await openJournal(path)
  await second.add(later)
  await second.close()

  const third = await openJournal(path)
  expect([whole, cut, later].map((id) => third.has(id))).toEqual([true, false, true])
  await third.close()
})

test('a journal keeps the newest ten thousand', async () => {
  const path = givenPath()
  const ids = Array.from({ length: 10_050 }, () => randomUUID())
  appendFileSync(path, ids.map((id) => `${id}\n`).join(''))
  const journal = await openJournal(path)
  expect(ids.filter((id) => journal.has(id))).toEqual(ids.slice(50))
  await journal.close()
  expect(readFileSync(path, 'utf8').trim().split('\n')).toEqual(ids.slice(50))
})

test('a file that cannot be written is named', async () => {
  await expect(openJournal(join(folder, 'absent', 'x'))).rejects.toMatchObject({
    code: 'agent-sdk.journal-unusable',
  })
  await expect(openJournal(folder)).rejects.toMatchObject({ code: 'agent-sdk.journal-unusable' })
})

test('without a file, what was done is remembered while the process lives', async () => {
  const memory = openMemory()
  const id = randomUUID()
  await memory.add(id)
  expect([memory.has(id), memory.has(randomUUID())]).toEqual([true, false])
  await memory.close()
})
