import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { givenAgent, givenAgentToken, type Api } from './given.ts'
import { mumega } from './given-cli.ts'
import { startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
let kasra: string
let river: string
/** May read nothing of all this, and change nothing. */
let nobody: string

beforeAll(async () => {
  ;({ api, tenantId, kasra } = await startApiWithAgent(SERVICES))
  river = await givenAgent(api, tenantId, 'river')
  const scopes = ['messages:read']
  nobody = (await givenAgentToken(api, { tenantId, name: 'nobody', scopes })).secret
}, 120_000)
afterAll(() => api.stop())

const commitOf = (digit: string) => digit.repeat(40)
const json = (value: object) => JSON.stringify(value)

interface Given {
  readonly token?: string
  /** On the standard input. */
  readonly input?: string
}

const cli = (words: readonly string[], { token = kasra, input = '' }: Given = {}) =>
  mumega([...words, '--url', api.suite.gatewayUrl], token, input)

/** What it prints where it does what it should. */
async function told(words: readonly string[], given: Given = {}) {
  const ran = await cli(words, given)
  expect([words, ran.code, ran.stderr]).toEqual([words, 0, ''])
  return ran.stdout
}

async function answered(words: readonly string[], given: Given = {}) {
  return JSON.parse(await told([...words, '--json'], given)) as Record<string, unknown>
}

/** A sprint with the track c, and its first iteration. */
async function submitted(sprintId: string): Promise<void> {
  await told(['gate', 'sprint', 'open', sprintId, '--title', `Sprint ${sprintId}`])
  const track = ['gate', 'track', 'add', sprintId, 'c', '--title', 'Self-heal']
  await told([...track, '--author', 'agent.kasra'])
  await told(['gate', 'submit', sprintId, 'c', '--commit', commitOf('a')])
}

const finding = (severity: string, more: object = {}) => ({
  ...{ arm: 'adversarial', severity, title: 'Two at once both win' },
  evidence: { commit: commitOf('a'), reproduced: 'Eight at once.\nTwice.' },
  ...more,
})

test('work comes to the gate by commands alone, is found wrong, mended and carried', async () => {
  const note = ['--title', 'Sprint 40', '--note', 'What was said.']
  const opened = await told(['gate', 'sprint', 'open', 's040', ...note])
  expect(opened).toBe('s040 is open: Sprint 40\n')
  const track = ['gate', 'track', 'add', 's040', 'c', '--title', 'Self-heal']
  const locks = ['--lock', 'LOCK-OBJ-1', '--lock', 'LOCK-GATE-2']
  const added = await told([...track, '--author', 'agent.kasra', ...locks])
  expect(added).toBe('s040/c is added, by agent.kasra: Self-heal\n')
  const first = await told(['gate', 'submit', 's040', 'c', '--commit', commitOf('a')])
  expect(first).toBe(`iteration 1 of s040/c is ${commitOf('a')}\n`)

  const report = ['gate', 'report', 's040', 'c', '--iteration', '1', '--commit', commitOf('a')]
  const counts = ['--tests-run', '140', '--tests-passed', '139', '--how', 'The whole suite.']
  const looked = [...report, ...counts, '--arm', 'adversarial']
  const own = await cli(looked)
  expect(own).toMatchObject({ code: 1, stdout: '' })
  expect(own.stderr).toContain('gate.own-work')
  expect(await told(looked, { token: river })).toBe(
    'adversarial of iteration 1 of s040/c is reported by agent:river: 139 of 140 tests passed\n',
  )
  const record = ['gate', 'finding', 'record', 's040', 'c', '-', '--iteration', '1']
  const block = json(finding('BLOCK-P0', { shape: 'race' }))
  expect(await told(record, { token: river, input: block })).toBe(
    'finding 1 of s040/c is open: BLOCK-P0: Two at once both win\n',
  )
  await told(record, { token: river, input: json(finding('WARN')) })
  const fix = {
    ...{ commit: commitOf('b'), test: 'two at once are one' },
    ...{ failedBefore: { commit: commitOf('a'), output: '✕' }, passesAfter: { output: '✓' } },
  }
  const fixed = await told(['gate', 'fix', 's040', 'c', '1', '-'], { input: json(fix) })
  expect(fixed).toBe('finding 1 of s040/c is fixed: BLOCK-P0: Two at once both win\n')
  await told(['gate', 'sprint', 'open', 's041', '--title', 'Next'])
  const carried = await told(['gate', 'carry', 's040', 'c', '2', '--to', 's041'])
  expect(carried).toBe('finding 2 of s040/c is carried: WARN: Two at once both win\n')

  const table = await told(['gate', 'finding', 'list', 's040', 'c'])
  expect(table).toBe(
    [
      'NUMBER  ITERATION  SEVERITY  STATE    POST-GREEN  SHAPE  TITLE',
      '     1          1  BLOCK-P0  fixed    no          race   Two at once both win',
      '     2          1  WARN      carried  no                 Two at once both win',
      '',
    ].join('\n'),
  )
  const page = await told(['gate', 'finding', 'list', 's040', 'c', '--limit', '1'])
  expect(page).toMatch(/\nMore: --after 1\n$/)
  const rest = await answered(['gate', 'finding', 'list', 's040', 'c', '--after', '1'])
  expect(rest['findings']).toMatchObject([{ number: 2, carry: { to: 's041' } }])
  const shown = await answered(['gate', 'iteration', 'show', 's040', 'c', '--iteration', '1'])
  expect(shown).toMatchObject({
    judged: { reports: [{ testsPassed: 139 }], findings: [{ fix }, {}] },
  })
  const whole = await answered(['gate', 'track', 'show', 's040', 'c'])
  expect(whole).toMatchObject({ locks: ['LOCK-OBJ-1', 'LOCK-GATE-2'], iterations: [{}] })
  const sprint = await answered(['gate', 'sprint', 'show', 's040'])
  expect(sprint).toMatchObject({ note: 'What was said.', tracks: [{ trackId: 'c' }] })
})

test('sprints and shapes are listed a page at a time, and a shape is described from a file', async () => {
  for (const sprintId of ['s050', 's051']) {
    await told(['gate', 'sprint', 'open', sprintId, '--title', `Sprint ${sprintId}`])
  }
  const words = ['gate', 'sprint', 'list', '--origin', 'planned', '--limit', '1']
  const page = await told([...words, '--after', 's04z'])
  expect(page).toMatch(/^SPRINT {2}ORIGIN +OPENED +BY +TITLE\n/)
  expect(page).toMatch(/\ns050 +planned +\S+ +agent:kasra {2}Sprint s050\nMore: --after s050\n$/)
  expect(await told(['gate', 'sprint', 'list', '--origin', 'seed'])).toBe('none\n')

  const shape = { definition: 'A race.', prevention: 'A lock.', surfaces: ['money', 'inbox'] }
  const checks = [{ kind: 'test', name: 'two at once are one' }]
  const describe = ['gate', 'shape', 'describe', 'a-race', '-']
  expect(await told(describe, { input: json({ ...shape, checks }) })).toBe(
    'a-race is a candidate shape\n',
  )
  const shapes = await told(['gate', 'shape', 'list', '--state', 'candidate'])
  expect(shapes).toMatch(/^a-race +candidate +[0-9]+ {2}money inbox +A race\.$/m)
  const all = await answered(['gate', 'shape', 'list', '--limit', '1'])
  expect(all).toMatchObject({ shapes: [{ shapeId: 'a-race', checks }] })
})

test('an operator suspends a principal and reinstates it; anybody sees who they are', async () => {
  const { operator: token } = api
  const table = await told(['principal', 'list'])
  expect(table).toMatch(/^STATUS +KEY {2}VKEY +NAME\nactive +1 {2}agent\.athena\+[^\n]+\n/)
  const suspend = ['principal', 'suspend', 'agent.loom', '--reason', 'Her key is lost.']
  const refused = await cli(suspend)
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('(gateway.scope-missing)')
  expect(await told(suspend, { token })).toBe('agent.loom is suspended\n')
  const { principal, keys } = await answered(['principal', 'show', 'agent.loom'])
  expect(principal).toMatchObject({ status: 'suspended', statusReason: 'Her key is lost.' })
  expect(keys).toHaveLength(1)
  const reinstate = ['principal', 'reinstate', 'agent.loom', '--reason', 'It was found.']
  expect(await told(reinstate, { token })).toBe('agent.loom is active\n')
})

test('who may not is refused by the code, and nothing changes', async () => {
  await submitted('s060')
  const track = ['s060', 'c']
  const report = ['--arm', 'adversarial', '--commit', commitOf('a'), '--how', 'x']
  const numbers = ['--iteration', '1', '--tests-run', '1', '--tests-passed', '1']
  const fix = { commit: commitOf('b'), test: 'x', failedBefore: { commit: commitOf('a') } }
  for (const [words, input] of [
    [['gate', 'sprint', 'open', 's061', '--title', 'x'], ''],
    [['gate', 'sprint', 'show', 's060'], ''],
    [['gate', 'sprint', 'list'], ''],
    [['gate', 'track', 'add', 's060', 'd', '--title', 'x', '--author', 'agent.loom'], ''],
    [['gate', 'track', 'show', ...track], ''],
    [['gate', 'submit', ...track, '--commit', commitOf('b')], ''],
    [['gate', 'report', ...track, ...report, ...numbers], ''],
    [['gate', 'iteration', 'show', ...track, '--iteration', '1'], ''],
    [['gate', 'finding', 'record', ...track, '-', '--iteration', '1'], json(finding('INFO'))],
    [['gate', 'finding', 'list', ...track], ''],
    [['gate', 'fix', ...track, '1', '-'], json({ ...fix, passesAfter: {} })],
    [['gate', 'carry', ...track, '1', '--to', 's061'], ''],
    [['gate', 'shape', 'list'], ''],
    [['gate', 'shape', 'describe', 'a', '-'], '{}'],
    [['principal', 'list'], ''],
    [['principal', 'show', 'agent.loom'], ''],
    [['principal', 'suspend', 'agent.loom', '--reason', 'x'], ''],
    [['principal', 'reinstate', 'agent.loom', '--reason', 'x'], ''],
  ] as const) {
    const ran = await cli(words, { token: nobody, input })
    expect([words, ran.code, ran.stdout]).toEqual([words, 1, ''])
    expect(ran.stderr).toContain('(gateway.scope-missing)')
  }
  const sprint = await answered(['gate', 'sprint', 'show', 's060', '--tenant', tenantId])
  expect(sprint['tracks']).toMatchObject([{ trackId: 'c', newestIteration: 1 }])
})
