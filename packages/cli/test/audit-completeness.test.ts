import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ExportVerdict } from '@mumega/tlog/export-audit'
import { audit, givenExport, givenSealed, type Exported } from './export.ts'
import { givenPlace, type Place } from './given.ts'

let place: Place
beforeAll(() => {
  place = givenPlace()
})
afterAll(() => {
  place.remove()
})

/** In either form, which say the same. */
async function auditBoth(exported: Exported) {
  const text = await audit(place, exported)
  const json = await audit(place, exported, { args: ['--json'] })
  expect([json.exitCode, text.stderr, json.stderr]).toEqual([text.exitCode, '', ''])
  return { ...text, verdict: JSON.parse(json.stdout) as ExportVerdict }
}

test('a chain that is given out for another is not what was asked for', async () => {
  const exported = givenExport(givenSealed, { chain: 'zenith' }, ({ chain }) => chain === 'zenith')
  exported.trailer['filter'] = { chain: 'acme' }

  const { exitCode, stdout, verdict } = await auditBoth(exported)

  expect(exitCode).toBe(3)
  expect(stdout).toContain('Entry 0 is not of what the trailer says was asked for: chain acme.')
  expect(stdout).toContain('  asked    chain acme\n  read     3 entries of the chain zenith,')
  expect(verdict).toMatchObject({
    filter: { chain: 'acme' },
    spans: [{ chain: 'zenith', entries: 3, first: 1, last: 3 }],
  })
  expect(verdict).not.toHaveProperty('completeness')
})

test('a chain without its end is what it is: the begin of one, and no word on its end', async () => {
  const isWanted = ({ chain, seq }: { chain: string; seq: number }) => chain === 'acme' && seq <= 4
  const { exitCode, stdout, verdict } = await auditBoth(
    givenExport(givenSealed, { chain: 'acme' }, isWanted),
  )

  const statement =
    'nothing between its entries is left out: numbers 1 to 4 are all here; ' +
    'whether later ones are in the log of 9 entries is not proven'
  expect(exitCode).toBe(0)
  expect(stdout).toContain(`  asked    chain acme: ${statement}\n`)
  expect(stdout).toContain('  read     4 entries of the chain acme, numbers 1 to 4\n')
  expect(verdict.completeness).toEqual({ kind: 'chain-begin', statement })
})

test('a chain up to the last entry of the log is whole', async () => {
  const exported = givenExport(givenSealed, { chain: 'acme' }, ({ chain }) => chain === 'acme')

  const { exitCode, stdout, verdict } = await auditBoth(exported)

  expect([exitCode, verdict.completeness?.kind]).toEqual([0, 'whole-chain'])
  expect(stdout).toContain('numbers 1 to 6 are all here, and the last one is the last entry of')
})

test('what more than a chain was asked for claims nothing of what it leaves out', async () => {
  const filter = { chain: 'acme', phase: 'fact' }
  const isWanted = ({ chain, seq }: { chain: string; seq: number }) => chain === 'acme' && seq !== 3
  const { exitCode, stdout, verdict } = await auditBoth(givenExport(givenSealed, filter, isWanted))

  expect(exitCode).toBe(0)
  expect(stdout).toContain(
    '  asked    chain acme, phase fact: that nothing is left out, no file of a part can prove\n',
  )
  expect(stdout).not.toContain('nothing between')
  expect(verdict.completeness?.kind).toBe('selection')
})

test.each([{ chain: 'acme' }, { chain: 'acme', phase: 'fact' }, { action: 'deal.*' }])(
  '2: an export without entries proves nothing of %j, and says so',
  async (filter) => {
    const { exitCode, stdout, verdict } = await auditBoth(
      givenExport(givenSealed, filter, () => false),
    )

    expect(exitCode).toBe(2)
    expect(stdout).toMatch(/^NOT PROVEN: The file has no entries: it proves nothing about what was/)
    expect(stdout).toContain(': the file has no entry of it, and that there is none it does not')
    expect(verdict).toMatchObject({ status: 'unproved', completeness: { kind: 'nothing' } })
  },
)

test('the whole log is said to be whole, in either form', async () => {
  const { verdict } = await auditBoth(givenExport(givenSealed))

  expect(verdict).toMatchObject({
    completeness: { kind: 'whole-log', statement: 'nothing is left out' },
    spans: [
      { chain: 'zenith', entries: 3, first: 1, last: 3 },
      { chain: 'acme', entries: 6, first: 1, last: 6 },
    ],
  })
})
