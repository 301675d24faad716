import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { encodeEntry, type LeafEntry } from '@mumega/tlog/entry'
import { leafHash } from '@mumega/tlog/merkle'
import { anEntry, givenPlace, vkey, type Place } from './given.ts'

let place: Place
beforeAll(() => {
  place = givenPlace()
})
afterAll(() => {
  place.remove()
})

const base = anEntry()

function lineOf(index: number, fields: Partial<LeafEntry>): string {
  const bytes = encodeEntry({ ...base, ...fields })
  const leaf = leafHash(bytes).toString('hex')
  return `{"index":${index},"leafHash":"${leaf}","entry":${bytes.toString()},"redacted":true}\n`
}

test('what is kept of ever new chains and erasures has a bound, and fits into 96 MB', async () => {
  const path = join(place.folder, 'many.jsonl')
  writeFileSync(path, '')
  let text = ''
  for (let index = 0; index <= 100_000; index += 1) {
    // As long as a chain and a source can be.
    const chain = `c${String(index).padStart(63, '0')}`
    const id = `0193a0b0-1111-7000-8000-${String(index).padStart(12, '0')}`
    text += lineOf(index, { chain, id, source: 's'.repeat(63) })
    if (index % 5_000 === 0) {
      appendFileSync(path, text)
      text = ''
    }
  }

  const { exitCode, stdout, stderr } = await place.mumegaIn(
    ['--max-old-space-size=96', '--max-semi-space-size=1'],
    ...['audit', 'many.jsonl', '--key', vkey],
  )

  expect(stderr).toBe('')
  expect(stdout).toContain(
    'MALFORMED: Line 100001, index 100000: it is of one more chain than the 100000 that are followed',
  )
  expect(exitCode).toBe(5)
}, 240_000)

test.each<[Partial<LeafEntry>, string]>([
  [{ chain: 'c'.repeat(65) }, "the entry's chain is no tenant's id"],
  [{ chain: 'A b' }, "the entry's chain is no tenant's id"],
  [{ source: 's'.repeat(64) }, "the entry's source is no service's name"],
])('5: a name that is longer than any, or none, is malformed: %j', async (fields, says) => {
  place.write('named.jsonl', lineOf(0, fields))

  const { exitCode, stdout } = await place.mumega('audit', 'named.jsonl', '--key', vkey)

  expect(stdout).toContain(`MALFORMED: Line 1, index 0: ${says}.`)
  expect(exitCode).toBe(5)
})
