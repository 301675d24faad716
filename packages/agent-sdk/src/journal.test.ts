import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { openJournal, openMemory } from './journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'journal-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const JOURNAL_URL = new URL('journal.js', import.meta.url).href
const ADA = { tenantId: 'acme', agent: 'ada', body: 'main' }

const givenPath = () => join(folder, `${randomUUID()}.journal`)

test('what was added is remembered by the next one that opens it', async () => {
  const path = givenPath()
  const [one, two] = [randomUUID(), randomUUID()]
  const first = await openJournal(path, ADA)
  await first.add(one)
  await first.close()
  const second = await openJournal(path, ADA)
  await second.add(two)
  await second.close()

  const third = await openJournal(path, ADA)
  expect([one, two, randomUUID()].map((id) => third.has(id))).toEqual([true, true, false])
  await third.close()
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a line that a crash cut off is not remembered, and spoils nothing after it', async () => {
  const path = givenPath()
  const [whole, cut, later] = [randomUUID(), randomUUID(), randomUUID()]
  const first = await openJournal(path, ADA)
  await first.add(whole)
  await first.close()
  appendFileSync(path, `\n${cut.slice(0, 20)}`)
  const second = await openJournal(path, ADA)
  await second.add(later)
  await second.close()

  const third = await openJournal(path, ADA)
  expect([whole, cut, later].map((id) => third.has(id))).toEqual([true, false, true])
  await third.close()
})

test('a journal keeps the newest ten thousand', async () => {
  const path = givenPath()
  const ids = Array.from({ length: 10_050 }, () => randomUUID())
  appendFileSync(path, ids.map((id) => `${id}\n`).join(''))
  const journal = await openJournal(path, ADA)
  expect(ids.filter((id) => journal.has(id))).toEqual(ids.slice(50))
  await journal.close()
  expect(readFileSync(path, 'utf8').split('\n')).toEqual([
    'journal of acme/ada/main',
    ...ids.slice(50),
  ])
})

test('a file that cannot be written is named', async () => {
  await expect(openJournal(join(folder, 'absent', 'x'), ADA)).rejects.toMatchObject({
    code: 'agent-sdk.journal-unusable',
  })
  await expect(openJournal(folder, ADA)).rejects.toMatchObject({
    code: 'agent-sdk.journal-unusable',
  })
})

test('without a file, what was done is remembered while the process lives', async () => {
  const memory = openMemory()
  const id = randomUUID()
  await memory.add(id)
  expect([memory.has(id), memory.has(randomUUID())]).toEqual([true, false])
  await memory.close()
})

test.each([
  ['tenant', { tenantId: 'other' }],
  ['agent', { agent: 'bob' }],
  ['body', { body: 'laptop' }],
])('the journal of another %s is refused, and stays as it is', async (_what, other) => {
  const path = givenPath()
  const id = randomUUID()
  const first = await openJournal(path, ADA)
  await first.add(id)
  await first.close()
  const before = readFileSync(path, 'utf8')

  await expect(openJournal(path, { ...ADA, ...other })).rejects.toMatchObject({
    code: 'agent-sdk.journal-of-another',
  })
  expect(readFileSync(path, 'utf8')).toBe(before)
  const again = await openJournal(path, ADA)
  expect(again.has(id)).toBe(true)
  await again.close()
})

test('a journal that does not say whose it is becomes that of the one who has it', async () => {
  const path = givenPath()
  const id = randomUUID()
  appendFileSync(path, `${id}\n`)
  const adopted = await openJournal(path, ADA)
  expect(adopted.has(id)).toBe(true)
  await adopted.close()
  await expect(openJournal(path, { ...ADA, agent: 'bob' })).rejects.toMatchObject({
    code: 'agent-sdk.journal-of-another',
  })
})

test('a journal that this process has open is not opened a second time', async () => {
  const path = givenPath()
  const first = await openJournal(path, ADA)
  await expect(openJournal(path, ADA)).rejects.toMatchObject({ code: 'agent-sdk.journal-in-use' })
  await first.close()
  const second = await openJournal(path, ADA)
  await second.close()
})

test('a journal that another process has is refused until that process is gone, killed or not', async () => {
  const path = givenPath()
  const program = `
    const { openJournal } = await import(${JSON.stringify(JOURNAL_URL)})
    await openJournal(${JSON.stringify(path)}, ${JSON.stringify(ADA)})
    process.stdout.write('open')
    setInterval(() => undefined, 60_000)`
  const other = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(other, 'exit')
  try {
    await once(other.stdout, 'data')
    await expect(openJournal(path, ADA)).rejects.toMatchObject({ code: 'agent-sdk.journal-in-use' })
  } finally {
    other.kill('SIGKILL')
    await ended
  }
  const mine = await openJournal(path, ADA)
  await mine.close()
})

test('the lock of a process whose number another one has now is none', async () => {
  const path = givenPath()
  appendFileSync(`${path}.lock.${process.pid}.1`, '')
  const mine = await openJournal(path, ADA)
  await mine.close()
  expect(readdirSync(folder).filter((name) => name.includes('.lock.'))).toEqual([])
})

test('what is added after a disk was full is remembered', async () => {
  const path = givenPath()
  const journal = await openJournal(path, ADA)
  // All that the disk had room for.
  appendFileSync(path, `\n${randomUUID().slice(0, 20)}`)
  const later = randomUUID()
  await journal.add(later)
  await journal.close()
  const again = await openJournal(path, ADA)
  expect(again.has(later)).toBe(true)
  await again.close()
})
