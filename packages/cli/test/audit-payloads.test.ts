import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ExportVerdict } from '@mumega/tlog/export-audit'
import type { LeafEntry } from '@mumega/tlog/entry'
import {
  at,
  audit,
  changed,
  erase,
  givenErased,
  givenExport,
  givenSealed,
  REDACTED,
  type Exported,
} from './export.ts'
import { givenPlace, type Place } from './given.ts'

let place: Place
beforeAll(() => {
  place = givenPlace()
})
afterAll(() => {
  place.remove()
})

/** Takes what is disclosed from the entries. */
function conceal({ entries }: Exported): void {
  for (const line of entries) delete line.disclosure
}

/** A filter, and what somebody who leaves an entry out lets it find. */
const filter = { phase: 'fact' }
const isFound = ({ id }: LeafEntry) => !id.endsWith('7')

test.each<[string, Exported, RegExp]>([
  [
    'one payload that is not there',
    changed((all) => delete at(all, 3).disclosure),
    /DIVERGED: The trailer says that payloads are disclosed; entry 3 has none, and no word on why/,
  ],
  ['no payload at all', changed(conceal), /DIVERGED: .* entry 0 has none/],
  [
    'no mark at an erased payload',
    changed((all) => delete at(all, 1).disclosure, givenErased),
    /DIVERGED: .* entry 1 has none/,
  ],
  [
    'a payload that the log records as erased',
    givenExport(givenErased),
    /DIVERGED: Entry 8 records that the payload of entry:bridge\/\S+ was erased, and the file does/,
  ],
  [
    'the same in the export of its chain',
    givenExport(givenErased, { chain: 'acme' }, ({ chain }) => chain === 'acme'),
    /DIVERGED: Entry 8 records that the payload/,
  ],
  [
    'an erasure that the log does not record, whatever was asked for,',
    changed((all) => {
      erase(all, 2)
      all.trailer['filter'] = filter
    }),
    /DIVERGED: 1 payloads are said to be erased, and the log does not record it/,
  ],
  [
    'payloads that nobody asked for',
    changed(({ trailer }) => (trailer['disclosed'] = false)),
    /DIVERGED: The trailer says that no payloads are disclosed; entry 0 has one/,
  ],
  [
    'the mark of an erased payload where none were asked for',
    changed((all) => {
      conceal(all)
      erase(all, 1)
      all.trailer['disclosed'] = false
    }, givenErased),
    /DIVERGED: The trailer says that no payloads are disclosed; entry 1 has one, or a word on it/,
  ],
])('3: %s is not what the trailer and the log say', async (_name, exported, says) => {
  const { exitCode, stdout } = await audit(place, exported)

  expect(stdout).toMatch(says)
  expect(exitCode).toBe(3)
})

test('0: without payloads the erasures that the log records are told of', async () => {
  const exported = changed((all) => {
    conceal(all)
    all.trailer['disclosed'] = false
  }, givenErased)

  const { exitCode, stdout } = await audit(place, exported)

  expect(exitCode).toBe(0)
  expect(stdout).toContain('  payloads none is in the file\n')
  expect(stdout).toContain('  erased   1 payloads, as entries here record\n')
})

test('2: by a filter a payload is only said to be erased, which is not proven', async () => {
  const exported = givenExport(givenSealed, filter, isFound)
  erase(exported, 2)

  const { exitCode, stdout } = await audit(place, exported)
  const json = await audit(place, exported, { args: ['--json'] })

  expect(exitCode).toBe(2)
  expect(stdout).toMatch(/^NOT PROVEN: .* But 1 payloads are said to be erased, and no entry here/)
  expect(stdout).toContain('  erased   0 recorded by the log, 1 only said to be\n')
  expect(json.exitCode).toBe(2)
  expect(JSON.parse(json.stdout) as ExportVerdict).toMatchObject({
    status: 'unproved',
    redactions: { proved: 0, unproved: 1 },
    completeness: { kind: 'selection' },
  })
})

test('2: an erasure that is proven does not prove another', async () => {
  const exported = givenExport(givenErased, filter, isFound)
  erase(exported, 1)
  erase(exported, 2)

  const { exitCode, stdout } = await audit(place, exported)

  expect(exitCode).toBe(2)
  expect(stdout).toContain('  erased   1 recorded by the log, 1 only said to be\n')
})

test('4: by a filter that also finds the entry that records it, the erasure is proven', async () => {
  const exported = givenExport(givenErased, filter, isFound)
  erase(exported, 1)

  const { exitCode, stdout } = await audit(place, exported)

  expect(exitCode).toBe(4)
  expect(stdout).toContain(`bridge/${REDACTED.id}`)
})
