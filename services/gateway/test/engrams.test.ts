import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { runFolder } from '@mumega/testkit/config'
import { givenAgentToken, givenTenant, type Answer, type Api } from './given.ts'
import { mumega } from './given-cli.ts'
import { callTool, mcpClient } from './given-mcp.ts'
import { CONTENT, startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
/** Of all that agents have, and of no circle. */
let kasra: string
/** Of the squad core. */
let loom: string

const MEMORY = ['memory:read', 'memory:write']

beforeAll(async () => {
  ;({ api, tenantId, kasra } = await startApiWithAgent())
  loom = (await givenLoom()).secret
}, 120_000)
afterAll(() => api.stop())

const givenLoom = () =>
  givenAgentToken(api, { tenantId, name: 'loom', scopes: [...MEMORY, 'squad:core'] })

const record = (token: string, body: object, headers: Record<string, string> = {}) =>
  api.call({ method: 'POST', path: '/v1/engrams', token, body, headers })
const recall = (token: string, query = '') => api.call({ path: `/v1/engrams?${query}`, token })
const idsOf = ({ json }: Answer) =>
  (json['engrams'] as { engramId: string }[]).map(({ engramId }) => engramId)
const squadSaid = { kind: 'lesson', text: 'Measure twice.', tier: 'squad', circle: 'core' }

test('an engram that is recorded over HTTP is recalled by whoever belongs to its circle, and by no one else', async () => {
  const said = { ...squadSaid, measures: { loss: 12.5 }, tags: ['care'] }
  const headers = { 'idempotency-key': 'squad-1' }
  const recorded = await record(loom, said, headers)
  const again = await record(loom, said, headers)

  expect(recorded).toMatchObject({ status: 201, json: { ...said, recordedBy: 'agent:loom' } })
  expect(again.json).toEqual(recorded.json)
  const path = `/v1/engrams/${String(recorded.json['engramId'])}`
  expect((await api.call({ path, token: loom })).json).toEqual(recorded.json)
  const query = 'query=measuring&kind=lesson&tag=care&tier=squad&circle=core&by=agent%3Aloom'
  expect((await recall(loom, `${query}&order=relevance&limit=5`)).json['engrams']).toEqual([
    recorded.json,
  ])
  expect((await recall(kasra, query)).json).toEqual({ engrams: [] })
  expect(await api.call({ path, token: kasra })).toMatchObject({
    ...{ status: 404, code: 'objectives.engram-not-found' },
  })
  const operators = await api.call({ path: `${path}?tenantId=${tenantId}`, token: api.operator })
  expect(operators.json).toEqual(recorded.json)
  expect((await api.call({ path, token: api.operator })).status).toBe(404)
  const other = await givenTenant(api)
  const stranger = await givenAgentToken(api, {
    ...{ tenantId: other, name: 'loom', scopes: [...MEMORY, 'squad:core'] },
  })
  expect((await api.call({ path, token: stranger.secret })).status).toBe(404)
  expect((await recall(stranger.secret)).json).toEqual({ engrams: [] })
  const asked = await api.call({ path: `${path}?tenantId=${tenantId}`, token: stranger.secret })
  expect(asked.code).toBe('gateway.tenant-not-found')
})

test('nobody claims a circle in a body or a query, and who is not in it records nothing there', async () => {
  expect((await record(kasra, squadSaid)).code).toBe('objectives.not-in-circle')
  expect((await record(kasra, { ...squadSaid, circles: ['squad:core'] })).code).toBe(
    'gateway.invalid-request',
  )
  expect((await recall(kasra, 'circles=squad:core')).code).toBe('gateway.invalid-request')
})

test('an operator gives a circle, a delegated token has it only from a token that has it', async () => {
  const delegate = (scopes: string[], token: string) =>
    api.call({ method: 'POST', path: '/v1/tokens/delegate', token, body: { scopes } })
  const refused = await delegate(['memory:read', 'squad:edge'], loom)
  expect(refused.code).toBe('gateway.scope-not-held')
  const lesser = await delegate(['memory:read', 'squad:core'], loom)
  expect(lesser.status).toBe(201)
  expect(idsOf(await recall(String(lesser.json['secret']))).length).toBeGreaterThan(0)
  const outside = await delegate(['memory:read'], loom)
  expect(idsOf(await recall(String(outside.json['secret']), 'tier=squad'))).toEqual([])
  // Who cannot read memory cannot let others read a circle’s.
  const blind = await delegate(['agents:write', 'tenants:read', 'memory:write'], api.operator)
  const made = await api.call({
    ...{ method: 'POST', path: `/v1/tenants/${tenantId}/agents` },
    ...{ token: String(blind.json['secret']) },
    body: { name: 'mole', scopes: ['memory:write', 'squad:core'] },
  })
  expect(made.code).toBe('gateway.scope-not-held')
  const odd = await api.call({
    ...{ method: 'POST', path: `/v1/tenants/${tenantId}/agents`, token: api.operator },
    body: { name: 'odd', scopes: ['memory:read', 'squad:Core'] },
  })
  expect(odd).toMatchObject({ code: 'gateway.invalid-request', json: { field: 'scopes.1' } })
  expect(odd.json['detail']).toMatch(/one of .*memory:read.*, or must be squad:<name>/)
})

test.each([
  [{ kind: 'a' }, 'tier'],
  [{ kind: 'a', tier: 'public', measures: { 'A B': 1 } }, 'measures'],
  [{ kind: 'a', tier: 'public', text: 'b', number: '7' }, 'number'],
])('a wrong body is refused by the field: %j', async (body, field) => {
  const refused = await record(kasra, body)
  expect(refused).toMatchObject({ status: 400, code: 'gateway.invalid-request' })
  expect(String(refused.json['field'])).toContain(field)
  expect(refused.json['detail']).toMatch(/is missing|is not a known field|lower-case letter/)
})

test.each([
  ['query=the', 400, 'objectives.query-without-words'],
  ['limit=101', 400, 'gateway.invalid-request'],
  ['order=relevance', 400, 'objectives.invalid-engram'],
  ['since=yesterday', 400, 'gateway.invalid-request'],
])('a recall with %s is refused', async (query, status, code) => {
  expect(await recall(kasra, query)).toMatchObject({ status, code })
})

test('an engram too long is refused with its size', async () => {
  const refused = await record(kasra, { kind: 'a', tier: 'public', text: 'x'.repeat(16_385) })
  expect(refused).toMatchObject({
    ...{ status: 413, code: 'objectives.text-too-large' },
    json: { field: 'text', limitBytes: 16_384, actualBytes: 16_385 },
  })
})

test('the official client remembers and recalls, once per key, each result fits its schema', async () => {
  const client = await mcpClient(api.suite.gatewayUrl, loom)
  const said = { ...squadSaid, text: 'Remembered by a tool.', measures: { n: 3 } }
  const remembered = await callTool(client, 'remember', { ...said, idempotencyKey: 'tool-1' })
  const again = await callTool(client, 'remember', { ...said, idempotencyKey: 'tool-1' })
  expect(remembered).toMatchObject({ isError: false, json: said })
  expect(again.json).toEqual(remembered.json)
  const recalled = await callTool(client, 'recall', { query: 'tools', order: 'relevance' })
  expect(recalled.json['engrams']).toEqual([remembered.json])
  const others = await mcpClient(api.suite.gatewayUrl, kasra)
  expect((await callTool(others, 'recall', { query: 'tools' })).json).toEqual({ engrams: [] })
  expect((await callTool(others, 'remember', said)).json['code']).toBe('objectives.not-in-circle')
  expect((await callTool(others, 'recall', { circles: ['squad:core'] })).isError).toBe(true)
  const { tools } = await client.listTools()
  const described = new Map(tools.map(({ name, description }) => [name, description]))
  expect([...described.keys()].sort()).toEqual(['recall', 'remember', 'whoami'])
  expect(described.get('recall')).toMatch(/data/)
  await Promise.all([client.close(), others.close()])
})

test('an agent lists by a tool the objectives that count, with what is measured, and no others', async () => {
  const client = await mcpClient(api.suite.gatewayUrl, kasra)
  const send = async (path: string, body?: object) =>
    (await api.call({ method: 'POST', path, token: kasra, body })).json
  const drafted = await send('/v1/objectives', { ...CONTENT, title: 'Only drafted' })
  expect(drafted['state']).toBe('draft')
  expect((await callTool(client, 'objectives')).json).toEqual({ objectives: [] })
  const { objectiveId } = await send('/v1/objectives', CONTENT)
  const version = `/v1/objectives/${String(objectiveId)}/versions/1`
  const { statement } = await send(`${version}/propose`)
  const file = join(mkdtempSync(join(runFolder(), 'statement-')), 'statement.txt')
  writeFileSync(file, String(statement))
  const key = join(api.suite.principalsFolder, 'agent.athena.key')
  const { stdout: note } = await mumega(['principal', 'sign', file, '--key', key], undefined)
  await send(`${version}/decisions`, { decision: 'ratify', note })

  const { title, owner, period, keyResults } = CONTENT
  expect((await callTool(client, 'objectives', { owner })).json).toEqual({
    objectives: [{ objectiveId, version: 1, title, owner, period, keyResults }],
  })
  await client.close()
})

test('the ledger has an engram by its hash, and nobody reads its text there', async () => {
  const { json } = await record(kasra, { kind: 'a', tier: 'private', text: 'Tell nobody.' })
  const target = encodeURIComponent(`engram:${String(json['engramId'])}`)
  const found = await eventually(
    async () => {
      const answered = await api.call({ path: `/v1/audit/entries?target=${target}`, token: kasra })
      return (answered.json['entries'] as object[]).length > 0 && answered
    },
    { what: 'its entry' },
  )
  expect(found.text).toContain('engram.recorded')
  expect(found.text).not.toContain('Tell nobody')
})
