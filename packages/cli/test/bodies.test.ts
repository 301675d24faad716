import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { givenPlace, refusalOf, type Place } from './given.ts'

let place: Place
beforeEach(() => {
  place = givenPlace()
})
afterEach(() => {
  place.remove()
})

const COMMIT = 'a'.repeat(40)
const KEY_RESULT = {
  ...{ keyResultId: 'paying', title: 'Tenants that pay', unit: 'tenants', baseline: 3, target: 10 },
  ...{ direction: 'increase', formula: { kind: 'count', of: {} } },
}
const OBJECTIVE = {
  ...{ title: 'Grow', owner: 'kasra', period: { from: '2026-10-01', to: '2026-12-31' } },
  keyResults: [KEY_RESULT],
}
const ENGRAM = { kind: 'a', tier: 'public', text: 'b' }
const FINDING = {
  ...{ arm: 'adversarial', severity: 'WARN', title: 'Late' },
  evidence: { commit: COMMIT, reproduced: 'Twice.' },
}
const FIX = { commit: COMMIT, test: 'a', failedBefore: { commit: COMMIT }, passesAfter: {} }

const VERBS: Readonly<Record<string, (file: string) => string[]>> = {
  objective: (file) => ['objective', 'draft', file],
  engram: (file) => ['engram', 'record', file],
  finding: (file) => ['gate', 'finding', 'record', 's', 'c', file, '--iteration', '1'],
  fix: (file) => ['gate', 'fix', 's', 'c', '1', file],
  shape: (file) => ['gate', 'shape', 'describe', 'race', file],
}

test.each([
  ['objective', { ...OBJECTIVE, keyResults: [] }, 64, 'keyResults must not have fewer than 1'],
  ['objective', { ...OBJECTIVE, owner: undefined }, 64, 'owner is missing'],
  ['objective', { ...OBJECTIVE, progress: 1 }, 64, 'progress is not a known field'],
  ['objective', { ...OBJECTIVE, replacesVersion: 1 }, 64, 'replacesVersion is not a known field'],
  [
    ...['objective', { ...OBJECTIVE, keyResults: [{ ...KEY_RESULT, formula: {} }] }],
    ...[64, 'keyResults.0.formula.kind is missing'],
  ],
  ['objective', [OBJECTIVE], 64, 'must be object'],
  ['objective', '{"title":"a","title":"b"}', 64, 'title'],
  ['objective', '{"title" secret}', 64, 'is no JSON at position 9'],
  ['objective', 'secret', 64, 'is no JSON.'],
  ['objective', '', 64, 'is no JSON.'],
  ['objective', Buffer.from('{"title":"\xff"}', 'latin1'), 64, 'is not UTF-8'],
  ['objective', JSON.stringify('x'.repeat(65_536)), 66, 'more than 65536 bytes'],
  ['objective', JSON.stringify('x'.repeat(1_100_000)), 66, 'more than 1048576 bytes'],
  ['engram', { ...ENGRAM, author: 'me' }, 64, 'author is not a known field'],
  ['engram', { ...ENGRAM, measures: { a: '1' } }, 64, 'measures.a must be number'],
  ['finding', { ...FINDING, severity: 'BLOCK-P2' }, 64, 'severity must be one of BLOCK-P0, BLOCK'],
  ['finding', { ...FINDING, evidence: { commit: 'a', reproduced: 'b' } }, 64, 'evidence.commit'],
  ['finding', { ...FINDING, evidence: { commit: COMMIT } }, 64, 'evidence.reproduced is missing'],
  ['finding', { ...FINDING, sprintId: 's' }, 64, 'sprintId is not a known field'],
  ['fix', { ...FIX, passesAfter: { outputSha256: 'a' } }, 64, 'passesAfter.outputSha256 must be'],
  ['fix', { ...FIX, number: 2 }, 64, 'number is not a known field'],
  ['shape', { surfaces: ['Money'] }, 64, 'surfaces.0 must be a lower-case letter'],
  ['shape', { checks: [{ kind: 'hope', name: 'x' }] }, 64, 'checks.0.kind must be one of eslint'],
] as const)('a file with what is no %s is not sent: %#', async (...row) => {
  const [noun, content, code, said] = row
  const isText = typeof content === 'string' || Buffer.isBuffer(content)
  place.write('wrong.json', isText ? content : JSON.stringify(content))
  const words = VERBS[noun]?.(join(place.folder, 'wrong.json')) ?? []
  const { exitCode, message } = await refusalOf(place, words)
  expect([exitCode, message]).toEqual([code, expect.stringContaining(said)])
  expect(message).toContain('wrong.json')
  expect(message).not.toContain('secret')
})

test.each(Object.entries(VERBS))('a file of %s that is not there is named', async (_, words) => {
  const { exitCode, message } = await refusalOf(place, words(join(place.folder, 'absent.json')))
  expect([exitCode, message]).toEqual([66, expect.stringContaining('absent.json')])
})

test('the standard input is read from a file, a pipe and nothing alike', async () => {
  place.write('wrong.json', '{"kind":"a"}')
  for (const script of [
    'mumega engram record - < wrong.json',
    'cat wrong.json | mumega engram record -',
  ]) {
    const ran = await place.shell(script)
    expect(ran).toMatchObject({ exitCode: 64, stdout: '' })
    expect(ran.stderr).toBe('The standard input: tier is missing.\n')
  }
  const closed = await place.shell('mumega engram record - < /dev/null')
  expect(closed).toMatchObject({ exitCode: 64, stderr: 'The standard input is no JSON.\n' })
})
