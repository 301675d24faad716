import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { runProgram } from '../src/program.ts'
import { aligned } from '../src/table.ts'
import { givenPlace, TOKEN, type Place } from './given.ts'

const ID = '0193a0b0-1111-7000-8000-000000000001'
const AT = '2026-11-21T08:00:00.000Z'
const COMMIT = 'a'.repeat(40)
const SHA256 = 'b'.repeat(64)
/** It clears the screen, turns the direction of writing, and forges a line of ours. */
const EVIL = '\u001b[2J\u202eevil\r\nMore: --after forged'

let server: Server
let url: string
let place: Place
/** What the gateway answers with. */
let answer: object
/** How many of the next requests it takes and does not answer. */
let lost = 0
let status = 200
let asked: { method: string | undefined; path: string | undefined; key: unknown; body: string }[]

beforeAll(async () => {
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const key = request.headers['idempotency-key']
      asked.push({ method: request.method, path: request.url, key, body })
      lost -= 1
      response.statusCode = status
      if (lost >= 0) response.destroy()
      else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
})
beforeEach(() => {
  place = givenPlace()
  asked = []
  lost = 0
  status = 200
})
afterEach(() => {
  place.remove()
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

const run = async (words: readonly string[], where = ['--url', url]) => {
  const environment = { MUMEGA_DATA_DIR: place.folder, ...TOKEN }
  return (await runProgram([...words, ...where], environment)).output
}

const by = { by: EVIL, at: AT }
const track = { sprintId: 's', trackId: 'c', title: EVIL, author: 'agent.kasra', locks: [] }
const added = { ...track, addedBy: EVIL, addedAt: AT, newestIteration: 1 }
const finding = {
  ...{ number: 1, iteration: 1, arm: 'adversarial', severity: 'WARN', title: EVIL, ...by },
  ...{ evidence: { commit: COMMIT, reproduced: EVIL }, state: 'carried', postGreen: true },
}
const work = {
  ...{ kind: 'task', workId: 'T', title: EVIL, state: 'open', drift: 'untied' },
  ...{ openedAt: AT, openedBy: EVIL, changedAt: AT, changedBy: EVIL },
}
const engram = {
  ...{ engramId: ID, number: '1', kind: 'a', text: EVIL, measures: { a: 1 }, tags: [] },
  ...{ tier: 'public', observedAt: AT, recordedAt: AT, recordedBy: EVIL, nonce: 'a'.repeat(22) },
}
const summary = {
  ...{ objectiveId: ID, version: 1, state: 'draft', sha256: SHA256, createdAt: AT },
  ...{ createdBy: EVIL, owner: 'kasra', period: { from: '2026-10-01', to: '2026-12-31' } },
}
const sprint = {
  ...{ tenantId: 'acme', sprintId: 's', origin: 'planned', title: EVIL, note: EVIL },
  ...{ openedBy: EVIL, openedAt: AT },
}
const shape = {
  ...{ shapeId: 'race', state: 'named', definition: EVIL, surfaces: [], checks: [] },
  ...{ occurrences: 1, historic: [], firstAt: AT },
}
const vkey = 'agent.loom+00000000+AAAA'
const principal = {
  ...{ principalId: 'agent.loom', displayName: EVIL, status: 'active', registeredAt: AT },
  key: { number: 1, vkey, validFrom: AT },
}
const objective = {
  ...summary,
  ...{ tenantId: 'acme', newestVersion: 1, objections: [], decisions: [] },
  content: {
    ...{ title: EVIL, owner: 'kasra', period: summary.period },
    keyResults: [
      {
        ...{ keyResultId: 'a', title: EVIL, unit: 'a', baseline: 0, target: 1 },
        ...{ direction: 'increase', formula: { kind: 'count', of: {} } },
      },
    ],
  },
}
const next = { next: EVIL }

test.each([
  [['objective', 'list'], { objectives: [{ ...summary, title: EVIL, keyResults: 1 }], ...next }],
  [
    ['objective', 'changes', ID],
    { changes: [{ objectiveId: ID, version: 1, to: 'draft', ...by }], ...next },
  ],
  [['objective', 'show', ID], objective],
  [['objective', 'propose', ID, '--version', '1'], objective],
  [
    ['progress', 'runs'],
    {
      runs: [
        {
          ...{ day: '2026-11-21', asOf: AT, timeZone: 'UTC', state: 'done', askedBy: EVIL },
          ...{ skippedDays: 0, keyResults: 1, createdAt: AT },
        },
      ],
    },
  ],
  [['engram', 'recall'], { engrams: [engram], ...next }],
  [['work', 'list'], { work: [work], ...next }],
  [['gate', 'sprint', 'list'], { sprints: [sprint], ...next }],
  [['gate', 'sprint', 'open', 's', '--title', 'a'], sprint],
  [['gate', 'track', 'add', 's', 'c', '--title', 'a', '--author', 'agent.kasra'], added],
  [
    ...[['gate', 'report', 's', 'c', '--iteration', '1', '--arm', 'adversarial', '--how', 'a']].map(
      (words) => [...words, '--commit', COMMIT, '--tests-run', '1', '--tests-passed', '1'],
    ),
    { arm: 'adversarial', commit: COMMIT, testsRun: 1, testsPassed: 1, how: EVIL, ...by },
  ],
  [['gate', 'finding', 'list', 's', 'c'], { findings: [finding], ...next }],
  [['gate', 'carry', 's', 'c', '1', '--to', 's2'], finding],
  [['gate', 'shape', 'list'], { shapes: [shape], ...next }],
  [
    ['gate', 'briefing', 'money'],
    { surface: 'money', shapes: [{ ...shape, of: 'own', findings: [] }], ...next },
  ],
  [['principal', 'list'], { principals: [principal] }],
] as [string[], object][])('%j shows what others wrote as text', async (words, said) => {
  answer = said
  for (const more of [[], ['--json']]) {
    const output = await run([...words, ...more])
    expect(output).toContain('evil')
    // Whatever moves a cursor, and no line that is not ours.
    expect(output).not.toMatch(/[^\P{C}\n]/u)
    expect(output).not.toMatch(/^More: --after forged/m)
  }
})

test('what changes something is sent as it was said, each time with another key', async () => {
  answer = objective
  place.write('objective.json', JSON.stringify(objective.content))
  const file = `${place.folder}/objective.json`
  await run(['objective', 'draft', file, '--tenant', 'acme'])
  await run(['objective', 'draft', file, '--objective', ID, '--replaces', '1'])
  await run(['objective', 'propose', ID, '--version', '1'])
  answer = work
  await run(['work', 'put', 'task', 'a:b', '--title', 'a'])
  answer = { objectives: [] }
  await run(['objective', 'list', '--owner', 'kasra', '--limit', '2', '--tenant', 'acme'])

  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v1/objectives?tenantId=acme',
    `PUT /v1/objectives/${ID}`,
    `POST /v1/objectives/${ID}/versions/1/propose`,
    'PUT /v1/work/task/a%3Ab',
    'GET /v1/objectives?owner=kasra&limit=2&tenantId=acme',
  ])
  const [drafted = '', edited = '', ...others] = asked.map(({ body }) => body)
  expect(JSON.parse(drafted)).toEqual(objective.content)
  expect(JSON.parse(edited)).toEqual({ replacesVersion: 1, ...objective.content })
  expect(others).toEqual(['', '{"title":"a"}', ''])
  const keys = asked.map(({ key }) => key)
  expect(keys.slice(0, -1).every((key) => /^[0-9a-f-]{36}$/.test(String(key)))).toBe(true)
  expect([new Set(keys).size, keys.at(-1)]).toEqual([5, undefined])
})

test('a change that is not answered is asked for again by the same key, and told of after that', async () => {
  answer = work
  const put = ['work', 'put', 'task', 'a:b', '--title', 'a']
  lost = 1
  await run(put)
  expect(asked).toHaveLength(2)
  expect(asked[0]).toEqual(asked[1])

  lost = 2
  await expect(run(put)).rejects.toThrow('It may have been done')
  expect(asked).toHaveLength(4)
  lost = 1
  await expect(run(['objective', 'list'])).rejects.not.toThrow('It may have been done')
})

test('a day that it is nowhere on earth is not signed, whatever the gateway says', async () => {
  const key = join(place.folder, 'mizan.key')
  await run(['principal', 'new', 'agent.mizan', '--key', key], [])
  const days = [-3, -2, 2, 3].map((days) => dayFromNow(days))
  for (const today of ['9999-99-99', ...days]) {
    answer = { timeZone: 'UTC', runAt: '02:00', today, nextRunAt: AT }
    const signing = run(['progress', 'run', '--tenant', 'acme', '--key', key, '--print'])
    await expect(signing).rejects.toThrow('nothing was signed')
  }
  answer = { timeZone: 'UTC', runAt: '02:00', today: dayFromNow(0), nextRunAt: AT }
  const note = await run(['progress', 'run', '--tenant', 'acme', '--key', key, '--print'])
  expect(note).toContain(dayFromNow(0))
})

test('a key that the gateway has made up is not said to be in place', async () => {
  const [key, next] = ['first', 'second'].map((name) => join(place.folder, `${name}.key`))
  for (const path of [key, next]) {
    await run(['principal', 'new', 'agent.athena', '--key', String(path)], [])
  }
  answer = { key: { number: 2, vkey: `x${EVIL}` } }
  const words = ['principal', 'rotate', '--key', String(key), '--next', String(next)]
  await expect(run(words)).rejects.toThrow('another key is in its place')
})

test('an answer that is nested deep, or as wide as it is long, is no more than itself', async () => {
  const deep = JSON.parse('['.repeat(70) + ']'.repeat(70)) as unknown
  answer = { ...objective, deep }
  await expect(run(['objective', 'show', ID])).rejects.toThrow('nested too deep')
  const [, , narrow = ''] = aligned([['A'], ['x'.repeat(50_000)], ['y']], () => false)
  expect(narrow.length).toBeLessThan(200)
})

test('what a server says with an error has not been done', async () => {
  answer = work
  status = 500
  await expect(run(['work', 'put', 'task', 'a', '--title', 'a'])).rejects.toThrow('answered 500')
})

test('a measure is kept as it is written, or refused', async () => {
  const record = ['engram', 'record', '--kind', 'a', '--tier', 'public', '--measure']
  await expect(run([...record, 'a=100000000000000.01'])).rejects.toThrow('--measure')
  expect(asked).toEqual([])
})

function dayFromNow(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
}
