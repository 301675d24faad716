import { SERVICES } from '@mumega/contracts/topology'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { givenAgent, givenAgentToken, givenTenant, type Api } from './given.ts'
import { callTool, mcpClient, refusalOf } from './given-mcp.ts'
import { startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
/** Who does the work. */
let author: string
/** Who reviews it, by tools alone. */
let river: Client
/** Of another tenant. */
let stranger: Client

const COMMIT = 'a'.repeat(40)
const FOUND = { arm: 'adversarial', severity: 'BLOCK-P0', title: 'Two at once both win' }
const EVIDENCE = { commit: COMMIT, tests: 'race.test', reproduced: 'Eight at once.' }
const REPORT = { arm: 'adversarial', commit: COMMIT, testsRun: 9, testsPassed: 8, how: 'By hand.' }

beforeAll(async () => {
  ;({ api, tenantId, kasra: author } = await startApiWithAgent(SERVICES))
  const url = api.suite.gatewayUrl
  river = await mcpClient(url, await givenAgent(api, tenantId, 'river'))
  stranger = await mcpClient(url, await givenAgent(api, await givenTenant(api), 'river'))
}, 120_000)
afterAll(async () => {
  await Promise.all([river.close(), stranger.close()])
  await api.stop()
})

async function made(path: string, body: object): Promise<void> {
  const order = { method: 'POST', path: `/v1/gate${path}`, token: author, body } as const
  const { status, text } = await api.call(order)
  if (status >= 300) throw new Error(text)
}
const get = async (path: string) =>
  (await api.call({ path: `/v1/gate${path}`, token: author })).json

/** A track of a new sprint, with one iteration to review. */
async function givenIteration(sprintId: string) {
  await made('/sprints', { sprintId, title: `Sprint ${sprintId}` })
  const track = { trackId: 'c', title: 'Self-heal', author: 'agent.kasra', locks: ['LOCK-C-1'] }
  await made(`/sprints/${sprintId}/tracks`, track)
  await made(`/sprints/${sprintId}/tracks/c/iterations`, { commit: COMMIT })
  return { sprintId, trackId: 'c', iteration: 1 }
}

test('an agent reviews by tools alone: it reads the iteration, records what it finds, and reports', async () => {
  const key = await givenIteration('s101')
  const track = { sprintId: key.sprintId, trackId: key.trackId }
  const before = await callTool(river, 'iteration', track)
  expect(before.json).toEqual({
    ...{ ...key, title: 'Self-heal', locks: ['LOCK-C-1'], newestIteration: 1, commit: COMMIT },
    ...{ author: 'agent.kasra', reports: [], findings: [], verdicts: [] },
  })

  const found = { ...key, ...FOUND, evidence: EVIDENCE, shape: 'race' }
  const recorded = await callTool(river, 'finding', found)
  expect(recorded.json).toMatchObject({
    number: 1,
    state: 'open',
    by: 'agent:river',
    shape: 'race',
  })
  const second = { ...found, severity: 'INFO', title: 'A second' }
  await callTool(river, 'finding', second)
  const reported = await callTool(river, 'report', { ...key, ...REPORT })
  expect(reported.json).toMatchObject({ arm: 'adversarial', by: 'agent:river' })

  const { judged } = await get('/sprints/s101/tracks/c/iterations/1')
  const after = await callTool(river, 'iteration', key)
  expect(after.json).toMatchObject(judged as object)
  expect(after.json).toMatchObject({ reports: [reported.json] })
  const page = await callTool(river, 'iteration', { ...key, limit: 1 })
  expect(page.json).toMatchObject({ findings: [recorded.json], next: 1 })
  const rest = await callTool(river, 'iteration', { ...key, after: page.json['next'] })
  expect(rest.json['findings']).toMatchObject([{ number: 2, title: 'A second' }])
  expect(rest.json).not.toHaveProperty('next')

  const brief = await callTool(river, 'briefing', { surface: 'money' })
  expect(brief.json).toEqual(await get('/briefing?surface=money'))
  const substrates = { of: 'substrate', shapeId: 'audit-before-write', findings: [] }
  expect(brief.json).toMatchObject({
    shapes: [
      { of: 'own', shapeId: 'race', findings: [{ number: 2 }, { number: 1 }] },
      { ...substrates, state: 'named' },
    ],
  })
  const last = { surface: 'money', limit: 1, after: 'race' }
  expect((await callTool(river, 'briefing', last)).json).toMatchObject({ shapes: [substrates] })
})

test('who did the work does not report of it, and an arm reports once', async () => {
  const key = await givenIteration('s102')
  const kasra = await mcpClient(api.suite.gatewayUrl, author)
  expect(await callTool(kasra, 'report', { ...key, ...REPORT })).toMatchObject({
    isError: true,
    json: { code: 'gate.own-work', who: 'agent:kasra' },
  })
  await kasra.close()
  await callTool(river, 'report', { ...key, ...REPORT })
  expect(await callTool(river, 'report', { ...key, ...REPORT })).toMatchObject({
    isError: true,
    json: { code: 'gate.arm-reported', arm: 'adversarial' },
  })
})

test('with the same key a finding is recorded and a report made once, and nothing else is', async () => {
  const key = await givenIteration('s103')
  const found = { ...key, ...FOUND, evidence: EVIDENCE, idempotencyKey: 'gate-1' }
  const first = await callTool(river, 'finding', found)
  expect(await callTool(river, 'finding', found)).toEqual(first)
  const report = { ...key, ...REPORT, idempotencyKey: 'gate-2' }
  const reported = await callTool(river, 'report', report)
  expect(reported.isError).toBe(false)
  expect(await callTool(river, 'report', report)).toEqual(reported)

  const reused = { isError: true, json: { code: 'gateway.idempotency-key-reused' } }
  expect(await callTool(river, 'finding', { ...found, title: 'Other' })).toMatchObject(reused)
  expect(await callTool(river, 'report', { ...report, ...{ arm: 'correctness' } })).toMatchObject(
    reused,
  )
  // Another service’s tools are held to it as well.
  const said = { kind: 'a', text: 'b', tier: 'public', idempotencyKey: 'gate-1' }
  expect(await callTool(river, 'remember', said)).toMatchObject(reused)
  const { json } = await callTool(river, 'iteration', key)
  expect(json['findings']).toHaveLength(1)
})

test('another tenant’s track is as absent as one that never was, to every tool', async () => {
  const key = await givenIteration('s104')
  const calls = [
    ['iteration', {}],
    ['finding', { iteration: 1, ...FOUND, evidence: EVIDENCE }],
    ['report', { iteration: 1, ...REPORT }],
  ] as const
  for (const [tool, args] of calls) {
    const [foreign, absent] = await Promise.all(
      [key.sprintId, 'never'].map(async (sprintId) => {
        const asked = { sprintId, trackId: key.trackId, ...args }
        return refusalOf(await callTool(stranger, tool, asked), sprintId)
      }),
    )
    expect(foreign).toMatch(/"isError":true.*"code":"gate\.(track|iteration)-not-found"/)
    expect(foreign).toBe(absent)
  }
  expect((await callTool(stranger, 'briefing', { surface: 'money' })).json).toMatchObject({
    shapes: [{ of: 'substrate', findings: [] }],
  })
  expect(await callTool(river, 'iteration', { ...key, iteration: 2 })).toMatchObject({
    isError: true,
    json: { code: 'gate.iteration-not-found' },
  })
})

test('a track that brought nothing yet has no iteration to read', async () => {
  await made('/sprints', { sprintId: 's105', title: 'Empty' })
  const track = { trackId: 'c', title: 'Empty', author: 'agent.kasra', locks: [] }
  await made('/sprints/s105/tracks', track)
  expect(await callTool(river, 'iteration', { sprintId: 's105', trackId: 'c' })).toMatchObject({
    isError: true,
    json: { code: 'gate.iteration-not-found' },
  })
})

const KEY = { sprintId: 's106', trackId: 'c', iteration: 1 }
test.each([
  ['finding', { ...KEY, ...FOUND, evidence: { commit: 'abc1234', reproduced: 'a' } }, 'commit'],
  ['finding', { ...KEY, ...FOUND, severity: 'BLOCK', evidence: EVIDENCE }, 'severity'],
  ['finding', { ...KEY, ...FOUND, evidence: { ...EVIDENCE, by: 'athena' } }, 'by'],
  ['finding', { ...KEY, ...FOUND }, 'evidence'],
  ['finding', { ...KEY, ...FOUND, evidence: EVIDENCE, state: 'fixed' }, 'state'],
  ['report', { ...KEY, ...REPORT, verdict: 'GREEN' }, 'verdict'],
  ['report', { ...KEY, ...REPORT, testsRun: -1 }, 'testsRun'],
  ['iteration', { ...KEY, after: '1' }, 'after'],
  ['iteration', { ...KEY, sprintId: '../s106' }, 'sprintId'],
  ['briefing', { surface: 'Money' }, 'surface'],
  ['briefing', { surface: 'money', limit: 26 }, 'limit'],
] as const)('%s with %j is refused by the field', async (tool, args, field) => {
  const refused = await callTool(river, tool, args)
  expect(refused).toMatchObject({ isError: true, json: { code: 'gateway.invalid-request' } })
  expect(String(refused.json['field'])).toMatch(new RegExp(`(^|\\.)${field}$`))
})

test('a text that is too large or cannot be stored is refused by its field, and nothing is recorded', async () => {
  const key = await givenIteration('s107')
  for (const [tool, args, code, field] of [
    ['finding', { title: 'ü'.repeat(101) }, 'text-too-large', 'title'],
    ['finding', { title: '\ud800' }, 'invalid-text', 'title'],
    ...(['tests', 'reproduced'] as const).map(
      (part) =>
        [
          ...(['finding', { evidence: { ...EVIDENCE, [part]: 'x'.repeat(1_001) } }] as const),
          ...(['text-too-large', `evidence.${part}`] as const),
        ] as const,
    ),
    ['report', { how: 'x'.repeat(1_001) }, 'text-too-large', 'how'],
    ['report', { how: 'a\0' }, 'invalid-text', 'how'],
    ['report', { testsPassed: 10 }, 'invalid-field', 'testsPassed'],
    ['report', { commit: 'b'.repeat(40) }, 'other-commit', 'commit'],
  ] as const) {
    const whole = tool === 'report' ? REPORT : { ...FOUND, evidence: EVIDENCE }
    const idempotencyKey = `${tool}/${code}/${field}`
    const refused = await callTool(river, tool, { ...key, ...whole, ...args, idempotencyKey })
    expect(refused).toMatchObject({ isError: true, json: { code: `gate.${code}`, field } })
  }
  const { json } = await callTool(river, 'iteration', key)
  expect(json).toMatchObject({ findings: [], reports: [] })
})

test('who may only read the gate sees the tools that read, and none gives a verdict', async () => {
  const scopes = ['gate:read']
  const reader = await givenAgentToken(api, { tenantId, name: 'reader', scopes })
  const client = await mcpClient(api.suite.gatewayUrl, reader.secret)
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name).sort()).toEqual(['briefing', 'iteration', 'whoami'])
  for (const name of ['briefing', 'iteration']) {
    expect(tools.find((tool) => tool.name === name)?.description).toMatch(/Texts are data/)
  }
  for (const tool of ['finding', 'report']) {
    expect(await callTool(client, tool)).toMatchObject({
      isError: true,
      json: { code: 'gateway.scope-missing', scope: 'gate:write' },
    })
  }
  await client.close()
})
