import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { runProgram } from '../src/program.ts'
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
let asked: { method: string | undefined; path: string | undefined; key: unknown; body: string }[]

beforeAll(async () => {
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const key = request.headers['idempotency-key']
      asked.push({ method: request.method, path: request.url, key, body })
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
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
})
afterEach(() => {
  place.remove()
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

const run = async (words: readonly string[]) => {
  const environment = { MUMEGA_DATA_DIR: place.folder, ...TOKEN }
  return (await runProgram([...words, '--url', url], environment)).output
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
