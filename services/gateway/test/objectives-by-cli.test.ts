import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runFolder } from '@mumega/testkit/config'
import { givenAgentToken, type Api } from './given.ts'
import { mumega } from './given-cli.ts'
import { CONTENT, startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
let kasra: string
/** May read nothing of all this, and change nothing. */
let nobody: string
let folder: string

beforeAll(async () => {
  ;({ api, tenantId, kasra } = await startApiWithAgent())
  const scopes = ['messages:read']
  nobody = (await givenAgentToken(api, { tenantId, name: 'nobody', scopes })).secret
  folder = mkdtempSync(join(runFolder(), 'cli-'))
}, 120_000)
afterAll(() => api.stop())

const cli = (words: readonly string[], { token = kasra, input = '' } = {}) =>
  mumega([...words, '--url', api.suite.gatewayUrl], token, input)

/** What it prints where it does what it should. */
async function told(words: readonly string[], given: { token?: string; input?: string } = {}) {
  const ran = await cli(words, given)
  expect([words, ran.code, ran.stderr]).toEqual([words, 0, ''])
  return ran.stdout
}

async function answered(words: readonly string[], given = {}) {
  return JSON.parse(await told([...words, '--json'], given)) as Record<string, unknown>
}

function file(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

/** The id of an objective that was drafted through the standard input. */
async function drafted(title = CONTENT.title): Promise<string> {
  const input = JSON.stringify({ ...CONTENT, title })
  const [id = ''] = (await told(['objective', 'draft', '-'], { input })).split(':')
  return id
}

test('an objective is drafted from a file, drafted again, proposed, objected to and listed', async () => {
  const path = file('objective.json', { ...CONTENT, tags: ['growth'] })
  const said = await told(['objective', 'draft', path])
  const [, objectiveId = ''] =
    /^([0-9a-f-]{36}): version 1 of “Strangers pay for what we do” is draft\n$/.exec(said) ?? []
  const better = file('better.json', { ...CONTENT, title: 'Better', tags: ['growth'] })
  const named = ['--objective', objectiveId, '--replaces', '1']
  const edited = await told(['objective', 'draft', better, ...named])
  expect(edited).toBe(`${objectiveId}: version 2 of “Better” is draft\n`)
  const late = await cli(['objective', 'draft', better, ...named])
  expect(late).toMatchObject({ code: 1, stdout: '' })
  expect(late.stderr).toContain('objectives.version-conflict')

  const version = ['--version', '2']
  expect(await told(['objective', 'propose', objectiveId, ...version])).toContain('is proposed')
  const objection = ['objective', 'object', objectiveId, ...version, '--reason', 'Why ten?']
  expect(await told(objection)).toContain('is proposed, with 1 objections\n')
  const shown = await answered(['objective', 'show', objectiveId])
  expect(shown).toMatchObject({
    version: 2,
    objections: [{ by: 'agent:kasra', reason: 'Why ten?' }],
  })

  const table = await told(['objective', 'list', '--tag', 'growth', '--state', 'proposed'])
  expect(table).toMatch(/^OBJECTIVE +VERSION {2}STATE +OWNER {2}PERIOD +TITLE\n/)
  expect(table).toContain(
    `${objectiveId}        2  proposed  kasra  2026-10-01 2026-12-31  Better\n`,
  )
  expect(await told(['objective', 'list', '--owner', 'nobody'])).toBe('none\n')
  const changes = await answered(['objective', 'changes', objectiveId])
  expect(changes['changes']).toMatchObject([
    ...[{ to: 'proposed' }, { to: 'draft' }, { to: 'superseded', version: 1 }, { to: 'draft' }],
  ])
  expect(await told(['objective', 'changes', objectiveId, '--limit', '1'])).toMatch(
    /proposed {2}agent:kasra\nMore: --before [0-9]+\n$/,
  )
})

test('a list is one page that says how the next one is asked for', async () => {
  const ids = [await drafted('One'), await drafted('Two')]
  const words = ['objective', 'list', '--state', 'draft', '--limit', '1']
  const first = await told(words)
  const [, next = ''] = /\nMore: --after (\S+)\n$/.exec(first) ?? []
  const second = await told([...words, '--after', next])
  expect([first, second].map((text) => ids.find((id) => text.includes(id)))).toEqual(ids)
  expect(second).not.toContain('More:')
})

test('an engram is recorded by options or from a file, and recalled', async () => {
  const options = ['--kind', 'payment', '--tier', 'public', '--text', 'The first shop\npays.']
  const more = [
    '--measure',
    'amount=29.5',
    '--measure',
    'shops=1',
    '--tag',
    'shop',
    '--tag',
    'euro',
  ]
  const said = await told(['engram', 'record', ...options, ...more])
  const [, engramId = ''] = /^([0-9a-f-]{36}): payment, public\n$/.exec(said) ?? []
  const shown = await answered(['engram', 'show', engramId])
  expect(shown).toMatchObject({
    ...{ text: 'The first shop\npays.', measures: { amount: 29.5, shops: 1 } },
    ...{ tags: ['shop', 'euro'], recordedBy: 'agent:kasra' },
  })
  const input = JSON.stringify({ kind: 'payment', tier: 'public', measures: { amount: 7 } })
  await told(['engram', 'record', '-'], { input })

  const best = await told(['engram', 'recall', 'shops', '--order', 'relevance'])
  expect(best).toBe(
    `${engramId}  ${String(shown['observedAt'])}  agent:kasra  payment  public` +
      `  #shop  #euro  amount=29.5  shops=1\n> The first shop\n> pays.\n`,
  )
  const page = await told(['engram', 'recall', '--kind', 'payment', '--limit', '1'])
  expect(page).toMatch(/amount=7\nMore: --after [0-9]+\n$/)
  const since = ['engram', 'recall', '--since', '2999-01-01T00:00:00.000Z']
  expect(await told(since)).toBe('none\n')
})

test('work is put, all of it each time, listed by what drifts, and shown', async () => {
  const objectiveId = await drafted()
  const title = ['--title', 'Call ten shops']
  const put = ['work', 'put', 'task', 'T:1', ...title, '--objective', objectiveId]
  expect(await told(put)).toBe('task T:1 is open, and drifts: not-ratified\n')
  expect(await told(['work', 'put', 'fleet', 'sales', '--title', 'Sellers'])).toContain('untied')
  const table = await told(['work', 'list', '--drifting', '--limit', '1'])
  expect(table).toMatch(/^KIND +ID +STATE +DRIFT +OBJECTIVE +TITLE\n/)
  expect(table).toMatch(/^fleet +sales +open +untied +Sellers\nMore: --after fleet:sales\n$/m)
  const tasks = await answered(['work', 'list', '--after', 'fleet:sales', '--kind', 'task'])
  expect(tasks['work']).toMatchObject([{ workId: 'T:1', objectiveId }])
  expect(await told(['work', 'list', '--no-drifting'])).toBe('none\n')
  await told(['work', 'put', 'task', 'T:1', ...title, '--state', 'done'])
  const shown = await answered(['work', 'show', 'task', 'T:1'])
  expect(shown).toMatchObject({ state: 'done', drift: 'untied' })
  expect(shown['objectiveId']).toBeUndefined()
})

const ID = '0193a0b0-1111-7000-8000-000000000001'

test('who may not is refused by the code, and nothing changes', async () => {
  const objectiveId = await drafted('Kept')
  const path = file('kept.json', CONTENT)
  for (const words of [
    ['objective', 'list'],
    ['objective', 'show', objectiveId],
    ['objective', 'changes', objectiveId],
    ['objective', 'draft', path],
    ['objective', 'draft', path, '--objective', objectiveId, '--replaces', '1'],
    ['objective', 'propose', objectiveId, '--version', '1'],
    ['objective', 'object', objectiveId, '--version', '1', '--reason', 'No.'],
    ['engram', 'record', '--kind', 'a', '--tier', 'public', '--text', 'b'],
    ['engram', 'recall'],
    ['engram', 'show', ID],
    ['work', 'put', 'task', 'T-9', '--title', 'a'],
    ['work', 'list'],
    ['work', 'show', 'task', 'T-9'],
  ]) {
    const ran = await cli(words, { token: nobody })
    expect([words, ran.code, ran.stdout]).toEqual([words, 1, ''])
    expect(ran.stderr).toContain('(gateway.scope-missing)')
  }
  const shown = await answered(['objective', 'show', objectiveId])
  expect(shown).toMatchObject({ state: 'draft', version: 1, newestVersion: 1, objections: [] })
  const asOperator = ['objective', 'show', objectiveId, '--tenant', tenantId]
  expect(await answered(asOperator, { token: api.operator })).toEqual(shown)
})
