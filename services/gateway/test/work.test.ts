import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { givenAgentToken, givenTenant, type Api } from './given.ts'
import { mumega } from './given-cli.ts'
import { callTool, mcpClient } from './given-mcp.ts'
import { CONTENT, startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
let kasra: string

beforeAll(async () => {
  ;({ api, tenantId, kasra } = await startApiWithAgent())
}, 120_000)
afterAll(() => api.stop())

const put = (path: string, body: object, { token = kasra, headers = {} } = {}) =>
  api.call({ method: 'PUT', path: `/v1/work/${path}`, token, body, headers })
const get = (path: string, token = kasra) => api.call({ path, token })

test('a task and a fleet are said over HTTP, and reported as drift until they lead somewhere', async () => {
  const drafted = await api.call({
    ...{ method: 'POST', path: '/v1/objectives' },
    ...{ token: kasra, body: CONTENT },
  })
  const { objectiveId } = drafted.json
  const task = await put('task/T-1', { title: 'Call ten shops', objectiveId })
  const fleet = await put('fleet/sales', { title: 'Sellers' })
  const again = await put('fleet/sales', { title: 'Sellers', state: 'open' })

  expect(task).toMatchObject({ status: 200, json: { drift: 'not-ratified', state: 'open' } })
  expect(fleet.json).toMatchObject({ kind: 'fleet', drift: 'untied', openedBy: 'agent:kasra' })
  expect(again.json).toEqual(fleet.json)
  expect((await get('/v1/work/task/T-1')).json).toEqual(task.json)
  expect((await get('/v1/work?drifting=true')).json).toEqual({ work: [fleet.json, task.json] })
  expect((await get('/v1/work?limit=1')).json['next']).toBe('fleet:sales')
  expect((await get('/v1/work?after=fleet:sales')).json).toEqual({ work: [task.json] })
  const report = await get('/v1/drift')
  expect(report.json).toMatchObject({ days: 30, open: { all: 2, drifting: 2 }, unattended: [] })
  const shown = await mumega(['drift', '--url', api.suite.gatewayUrl], kasra)
  expect(shown).toMatchObject({ code: 1, stderr: '' })
  expect(shown.stdout).toMatch(/^open {5}2 of 2 drift \(1 untied, 1 not-ratified\)\n/)
  expect(shown.stdout).toContain('  fleet sales  untied  Sellers\n')
  await put('fleet/sales', { title: 'Sellers', state: 'dropped' })
  await put('task/T-1', { title: 'Call ten shops', state: 'done', objectiveId })
  const after = await mumega(['drift', '--days', '1', '--url', api.suite.gatewayUrl], kasra)
  expect(after).toMatchObject({ code: 0, stderr: '' })
  expect(after.stdout).toMatch(/^open {5}0 of 0 drift\nclosed {3}2 of 2 drift .* within 1 day\n/)
})

test.each([
  ['task/T-2', {}, 'title', /is missing/],
  ['task/T-2', { title: 'a', state: 'closed' }, 'state', /open.*done.*dropped/],
  ['chore/T-2', { title: 'a' }, 'kind', /task.*fleet/],
  ['task/a%20b', { title: 'a' }, 'workId', /letters, digits/],
  ['task/T-2', { title: 'a', drift: 'none' }, 'drift', /not a known field/],
] as const)('PUT /v1/work/%s with %j is refused by the field', async (...row) => {
  const [path, body, field, remedy] = row
  const refused = await put(path, body)
  expect(refused).toMatchObject({ status: 400, json: { code: 'gateway.invalid-request' } })
  expect(String(refused.json['field'])).toContain(field)
  expect(refused.json['detail']).toMatch(remedy)
})

test('who may only read says nothing of work, and no tenant hears of another’s', async () => {
  const reader = await givenAgentToken(api, {
    ...{ tenantId, name: 'reader', scopes: ['objectives:read'] },
  })
  const refused = await put('task/T-3', { title: 'a' }, { token: reader.secret })
  expect(refused.code).toBe('gateway.scope-missing')
  await put('task/T-3', { title: 'a' })
  const other = await givenTenant(api)
  const stranger = await givenAgentToken(api, {
    ...{ tenantId: other, name: 'kasra', scopes: ['objectives:read', 'objectives:write'] },
  })
  expect((await get('/v1/work/task/T-3', stranger.secret)).code).toBe('objectives.work-not-found')
  expect((await get('/v1/work', stranger.secret)).json).toEqual({ work: [] })
  const asked = await get(`/v1/drift?tenantId=${tenantId}`, stranger.secret)
  expect(asked.code).toBe('gateway.tenant-not-found')
})

test('an agent says by a tool what it works on, once per key, and hears when that leads nowhere', async () => {
  const client = await mcpClient(api.suite.gatewayUrl, kasra)
  const said = { kind: 'task', workId: 'T-4', title: 'Write to them', idempotencyKey: 'tool-4' }
  const first = await callTool(client, 'work', said)
  const again = await callTool(client, 'work', said)
  expect(first).toMatchObject({ isError: false, json: { state: 'open', drift: 'untied' } })
  expect(again.json).toEqual(first.json)
  const refused = await callTool(client, 'work', { ...said, idempotencyKey: 'b', title: '' })
  expect(refused.isError).toBe(true)
  await client.close()
})
