import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { givenPlace, refusalOf, type Place } from './given.ts'

let place: Place
beforeEach(() => {
  place = givenPlace()
})
afterEach(() => {
  place.remove()
})

const ID = '0193a0b0-1111-7000-8000-000000000001'
const COMMIT = 'a'.repeat(40)
const TRACK = ['s', 'c']

test.each([
  [['objective', 'list', '--state', 'good'], '--state must be one of draft, proposed'],
  [['objective', 'list', '--limit', '0'], '--limit must be >= 1'],
  [['objective', 'list', '--limit', '0x10'], '--limit must be integer'],
  [['objective', 'list', '--limit', '1', '--limit', '2'], '--limit is given more than once'],
  [['objective', 'list', '--owner', 'A'], '--owner must be the name of an agent'],
  [['objective', 'list', '--tenant', 'A'], '--tenant must be'],
  [['objective', 'list', 'more'], 'more is more than is expected'],
  [['objective', 'changes', 'x'], 'Name an objective by its id: it must be a UUID'],
  [['objective', 'changes', ID, '--before', 'x'], '--before'],
  [['objective', 'propose', ID], '--version is missing'],
  [['objective', 'propose', ID, '--version', '1.5'], '--version must be integer'],
  [['objective', 'object', ID, '--version', '1'], '--reason is missing'],
  [['objective', 'object', ID, '--version', '1', '--reason', ''], '--reason must'],
  // No server says for which tenant is signed.
  [['objective', 'ratify', ID, '--version', '1', '--key', 'x'], '--tenant is missing'],
  [['objective', 'ratify', ID, '--version', '1', '--key', 'x', '--tenant', 'a'], '--sha256'],
  [['objective', 'draft'], 'Name the file of the objective'],
  [['objective', 'draft', '-', '--objective', ID], '--replaces'],
  [['objective', 'draft', '-', '--replaces', '1'], '--objective'],
  [['progress', 'show', 'x'], 'Name an objective by its id'],
  [['progress', 'show', ID, '--day', 'today'], '--day must be a day'],
  [['progress', 'evidence', ID, '2026-09-30'], 'Name a key result'],
  [['progress', 'runs', '--before', 'x'], '--before must be a day'],
  [['progress', 'schedule', '--at', '02:00'], '--time-zone and --at go together'],
  [['progress', 'schedule', '--at', '2', '--time-zone', 'UTC'], '--at must be a time of day'],
  [['progress', 'run'], '--tenant is missing'],
  [['progress', 'run', '--tenant', 'acme'], '--key is missing'],
  [['engram', 'record'], '--kind'],
  [['engram', 'record', '-', '--kind', 'a'], 'not in both'],
  [['engram', 'record', '--kind', 'a', '--tier', 'all'], '--tier must be one of public'],
  [['engram', 'record', '--kind', 'a', '--tier', 'public', '--measure', 'x'], '--measure'],
  [['engram', 'record', '--kind', 'a', '--tier', 'public', '--measure', 'A=1'], '--measure'],
  [
    ['engram', 'record', '--kind', 'a', '--tier', 'public', '--measure', 'b=1', '--measure', 'b=2'],
    '--measure gives one name more than once',
  ],
  [['engram', 'record', '--kind', 'a', '--tier', 'public', '--tag', 'B'], '--tag.0 must be'],
  [['engram', 'recall', '--since', 'today'], '--since must be a time in UTC'],
  [['engram', 'recall', '--order', 'best'], '--order must be one of newest, relevance'],
  [['engram', 'recall', 'two', 'words'], 'words is more'],
  [['engram', 'show', 'x'], 'Name an engram by its id'],
  [['engram', 'forget'], '`mumega engram record`, `recall` or `show`'],
  [['work', 'put', 'chore', 'T', '--title', 'a'], 'must be one of task, fleet'],
  [['work', 'put', 'task', '../T', '--title', 'a'], 'Name the work by its id'],
  [['work', 'put', 'task', 'T'], '--title is missing'],
  [['work', 'put', 'task', 'T', '--title', 'a', '--state', 'shut'], '--state must be one of open'],
  [['work', 'put', 'task', 'T', '--title', 'a', '--objective', 'x'], '--objective must be a UUID'],
  [['work', 'list', '--drifting', '--no-drifting'], '--drifting is given more than once'],
  [['work', 'list', '--after', 'x'], '--after must be `next`'],
  [['work', 'show', 'task'], 'Name the work by its id'],
  [['work'], '`mumega work put`, `list` or `show`'],
] as const)('%j makes no sense, and is not sent', async (words, said) => {
  const { exitCode, message } = await refusalOf(place, words)
  expect([exitCode, message]).toEqual([64, expect.stringContaining(said)])
})

test.each([
  [['gate', 'sprint'], '`mumega gate ledger`, '],
  [['gate', 'sprint', 'open'], 'Name a sprint'],
  [['gate', 'sprint', 'open', 'S'], 'Name a sprint: it must be a lower-case letter'],
  [['gate', 'sprint', 'open', 's'], '--title is missing'],
  [['gate', 'sprint', 'show', 's', 'c'], 'c is more than is expected'],
  [['gate', 'sprint', 'list', '--origin', 'x'], '--origin must be one of planned, corrective'],
  [['gate', 'sprint', 'list', '--limit', '201'], '--limit must be <= 200'],
  [['gate', 'track', 'add', 's', '--title', 'a'], 'Name a track'],
  [['gate', 'track', 'add', ...TRACK, '--title', 'a'], '--author is missing'],
  [['gate', 'track', 'add', ...TRACK, '--title', 'a', '--author', 'k'], '--author must be agent.'],
  [
    ['gate', 'track', 'add', ...TRACK, '--title', 'a', '--author', 'agent.k', '--lock', 'x'],
    '--lock.0 must be the id of a LOCK',
  ],
  [['gate', 'track', 'show', 's', '../x'], 'Name a track'],
  [['gate', 'submit', ...TRACK, '--commit', 'abc1234'], '--commit must be a commit'],
  [['gate', 'report', ...TRACK, '--iteration', '0'], '--arm is missing'],
  [
    ['gate', 'report', ...TRACK, '--iteration', '1', '--arm', 'both', '--commit', COMMIT],
    '--tests-run is missing',
  ],
  [['gate', 'iteration', 'show', ...TRACK], '--iteration is missing'],
  [['gate', 'iteration', 'show', ...TRACK, '--iteration', '51'], '--iteration must be <= 50'],
  [['gate', 'finding', 'record', ...TRACK, '--iteration', '1'], 'Name the file of the finding'],
  [['gate', 'finding', 'record', ...TRACK, '-'], '--iteration is missing'],
  [['gate', 'finding', 'list', ...TRACK, '--after', 'x'], '--after must be integer'],
  [['gate', 'fix', ...TRACK, 'one', '-'], 'Name a finding by its number: it must be integer'],
  [['gate', 'carry', ...TRACK, '1'], '--to is missing'],
  [
    [
      ...['gate', 'verdict', ...TRACK, '--iteration', '1', '--commit', COMMIT],
      ...['--verdict', 'GREEN', '--key', 'x'],
    ],
    'Name the --tenant',
  ],
  [['gate', 'shape', 'list', '--state', 'x'], '--state must be one of candidate, named'],
  [['gate', 'shape', 'describe', 'A', '-'], 'Name a shape'],
  [['gate', 'shape', 'describe', 'a'], 'Name the file of what it is'],
  [['principal', 'list', 'x'], 'x is more than is expected'],
  [['principal', 'show', 'athena'], 'Name a principal: it must be agent.<name>'],
  [['principal', 'suspend', 'agent.loom'], '--reason is missing'],
  [['principal', 'reinstate', '--reason', 'x'], 'Name a principal'],
] as const)('%j of the gate and of principals neither', async (words, said) => {
  const { exitCode, message } = await refusalOf(place, words)
  expect([exitCode, message]).toEqual([64, expect.stringContaining(said)])
})

test('without a token nothing is sent', async () => {
  for (const words of [
    ['objective', 'list'],
    ['engram', 'recall'],
    ['work', 'list'],
    ['principal', 'list'],
    ['gate', 'sprint', 'list'],
  ]) {
    const { exitCode, message } = await refusalOf(place, words, {})
    expect([exitCode, message]).toEqual([64, expect.stringContaining('into MUMEGA_TOKEN')])
  }
})

test.each([
  [['objective', 'list', '--day', 'x'], '--day'],
  [['principal', 'list', '--tenant', 'a'], '--tenant'],
])('%j has an option that is of another command', async (words, option) => {
  const { exitCode, stdout, stderr } = await place.mumega(...words)
  expect([exitCode, stdout]).toEqual([64, ''])
  expect(stderr).toContain(`Unknown option '${option}'`)
})
