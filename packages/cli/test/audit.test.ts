import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { encodeEntry, entryHash, GENESIS } from '@mumega/tlog/entry'
import { leafHash, rootOf } from '@mumega/tlog/merkle'
import { redactionTarget } from '@mumega/tlog/receipt'
import {
  audit,
  changed,
  erase,
  givenErased,
  givenExport,
  givenSealed,
  REDACTED,
  signed,
  textOf,
} from './export.ts'
import { anEntry, givenPlace, vkey, type Place } from './given.ts'

let place: Place
beforeAll(() => {
  place = givenPlace()
})
afterAll(() => {
  place.remove()
})

describe('the exit code says what an export is worth', () => {
  test('0: the whole log, every chain gapless, every payload the committed one', async () => {
    const { exitCode, stdout } = await audit(place, givenExport(givenSealed))

    expect(exitCode).toBe(0)
    expect(stdout).toBe(
      `VALID: The signed log holds these entries as they stand here.
  asked    the whole log: nothing is left out
  read     9 entries of 2 chains
  payloads 9 disclosed, each the one that its entry commits to
  log      ledger.example.com/main, 9 entries
  key      ${vkey}, from the command line
`,
    )
  })

  test('0: a tenant’s own chain, proved in the log without the others’ entries', async () => {
    for (const chain of ['acme', 'zenith']) {
      const exported = givenExport(givenSealed, { chain }, (entry) => entry.chain === chain)
      const { exitCode, stdout } = await audit(place, exported)

      expect(exitCode).toBe(0)
      expect(stdout).toContain(`asked    chain ${chain}: nothing between its entries is left out`)
      expect(textOf(exported)).not.toContain(chain === 'acme' ? 'zenith' : 'acme"')
    }
  })

  test('0: what a filter found, with no word on what it left out', async () => {
    const target = redactionTarget(REDACTED)
    const exported = givenExport(givenErased, { target }, (entry) => entry.target === target)

    const { exitCode, stdout } = await audit(place, exported)

    expect([exported.entries.length, exitCode]).toEqual([1, 0])
    expect(stdout).toContain('that nothing is left out, no file of a part can prove')
  })

  test('2: the log had no signed checkpoint', async () => {
    const { exitCode, stdout } = await audit(
      place,
      changed(({ trailer }) => delete trailer['checkpoint']),
    )

    expect(exitCode).toBe(2)
    expect(stdout).toMatch(/^NOT YET ANCHORED: /)
  })

  test('4: erased payloads are named, and the log itself records the erasure', async () => {
    const exported = changed((all) => {
      erase(all, 1)
    }, givenErased)

    const { exitCode, stdout } = await audit(place, exported)

    expect(exitCode).toBe(4)
    expect(stdout).toContain('erased   1 recorded by the log, 0 only said to be')
    expect(stdout).toContain(`bridge/${REDACTED.id}`)
  })

  test('3: an erasure that the log does not record is none', async () => {
    const exported = changed((all) => {
      erase(all, 2)
    })

    const { exitCode, stdout } = await audit(place, exported)

    expect(exitCode).toBe(3)
    expect(stdout).toContain('1 payloads are said to be erased, and the log does not record it.')
  })
})

test('a log of 100,000 entries is audited in 24 MB of memory', async () => {
  const path = join(place.folder, 'large.jsonl')
  writeFileSync(path, '')
  const base = anEntry()
  const leaves: Buffer[] = []
  let prev = GENESIS
  let text = ''
  for (let index = 0; index < 100_000; index += 1) {
    const bytes = encodeEntry({ ...base, seq: index + 1, prev })
    prev = entryHash(bytes).toString('hex')
    leaves.push(leafHash(bytes))
    const leaf = leaves.at(-1)?.toString('hex') ?? ''
    text += `{"index":${index},"leafHash":"${leaf}","entry":${bytes.toString()}}\n`
    if (index % 5_000 === 4_999) {
      appendFileSync(path, text)
      text = ''
    }
  }
  const size = leaves.length
  const exportedAt = '2026-11-21T09:00:00.000Z'
  const span = { count: size, firstIndex: 0 }
  const trailer = { trailer: 1, exportedAt, filter: {}, disclosed: false, ...span }
  const proof = { lastIndex: size - 1, size, after: [], checkpoint: signed(size, rootOf(leaves)) }
  appendFileSync(path, `${JSON.stringify({ ...trailer, ...proof })}\n`)

  const { exitCode, stdout, stderr } = await place.mumegaIn(
    ['--max-old-space-size=24', '--max-semi-space-size=1'],
    ...['audit', 'large.jsonl', '--key', vkey, '--json'],
  )

  expect([exitCode, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ status: 'valid', entries: size, chains: 1 })
}, 60_000)

test.each([
  [['audit'], 64, /^Name the exported file\. /],
  [['audit', 'a', '--key', vkey, '--vkey', vkey], 64, /^--key and --vkey are the same/],
  [['audit', 'absent', '--key', vkey], 66, /^Cannot read absent: /],
  [['audit', '.', '--key', vkey], 66, /^Cannot read \.: /],
])(
  'a wrong command line ends with a line that says what is wrong: %j',
  async (args, code, line) => {
    const { exitCode, stdout, stderr } = await place.mumega(...args)

    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' })
    expect(stderr).toMatch(line)
  },
)

test('without a key on the command line, that of the data folder is used', async () => {
  place.write('export.jsonl', textOf(givenExport(givenSealed)))
  place.write('log.vkey', `${vkey}\n`)

  const { exitCode, stdout } = await place.mumega('audit', 'export.jsonl')

  expect(exitCode).toBe(0)
  expect(stdout).toContain(
    `key      ${readFileSync(join(place.folder, 'log.vkey'), 'utf8').trim()}`,
  )
})
