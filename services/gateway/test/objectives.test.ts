import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ObjectiveContent } from '@mumega/contracts/objective-content'
import { eventually } from '@mumega/testkit'
import { runFolder } from '@mumega/testkit/config'
import { givenAgent, givenTenant, type Api, type Call } from './given.ts'
import { mumega } from './given-cli.ts'
import { CONTENT, startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
let kasra: string

beforeAll(async () => {
  ;({ api, tenantId, kasra } = await startApiWithAgent())
}, 120_000)
afterAll(() => api.stop())

interface Shown {
  objectiveId: string
  version: number
  state: string
  statement?: string
}

type Sent = Omit<Call, 'token' | 'method'> & Partial<Pick<Call, 'method'>>

async function send({ method = 'POST', ...rest }: Sent, token = kasra) {
  const { status, json } = await api.call({ method, token, ...rest })
  return { status, json: json as unknown as Shown & Record<string, unknown> }
}

const drafted = async (changes: Partial<ObjectiveContent> = {}, token = kasra) => {
  const { status, json } = await send(
    { path: '/v1/objectives', body: { ...CONTENT, ...changes } },
    token,
  )
  expect(status).toBe(201)
  return json
}
const stepOf = ({ objectiveId, version }: Shown, step: string, query = '') =>
  `/v1/objectives/${objectiveId}/versions/${version}/${step}${query}`
const proposed = async (changes: Partial<ObjectiveContent> = {}) => {
  const { status, json } = await send({ path: stepOf(await drafted(changes), 'propose') })
  expect([status, json.state]).toEqual([200, 'proposed'])
  return json
}

/** Signed offline by whoever has the principal's key. */
async function signed(statement: string, principalId = 'agent.athena'): Promise<string> {
  const file = join(mkdtempSync(join(runFolder(), 'statement-')), 'statement.txt')
  writeFileSync(file, statement)
  const key = join(api.suite.principalsFolder, `${principalId}.key`)
  const { code, stdout } = await mumega(['principal', 'sign', file, '--key', key], undefined)
  expect(code).toBe(0)
  return stdout
}

test('an agent drafts and proposes, athena signs elsewhere, and the ledger has her note', async () => {
  const objective = await proposed({ title: 'Ratified over HTTP' })
  const note = await signed(objective.statement ?? '')
  const path = stepOf(objective, 'decisions')

  const ratified = await send({ path, body: { decision: 'ratify', note } })

  expect(ratified).toMatchObject({ status: 200, json: { state: 'ratified', ratifiedVersion: 1 } })
  expect(await send({ path, body: { decision: 'ratify', note } })).toEqual(ratified)
  const read = await send({ method: 'GET', path: `/v1/objectives/${objective.objectiveId}` })
  expect(read.json).toEqual(ratified.json)
  const changes = await send({
    ...{ method: 'GET', path: `/v1/objectives/${objective.objectiveId}/changes?limit=2` },
  })
  expect(changes.json['changes']).toMatchObject([
    { to: 'ratified', by: 'agent.athena' },
    { to: 'proposed', by: 'agent:kasra' },
  ])
  expect(changes.json).toHaveProperty('next')
  const entries = await eventually(
    async () => {
      const query = 'action=objective.ratified&order=oldest'
      const found = await send({ method: 'GET', path: `/v1/audit/entries?${query}` })
      const all = found.json['entries'] as object[]
      return all.length > 0 && all
    },
    { what: 'the entry' },
  )
  expect(entries).toMatchObject([
    { target: `objective:${objective.objectiveId}`, chain: tenantId, actor: { id: 'agent:kasra' } },
  ])
})

test('LOCK-OBJ-1: an operator with every scope ratifies nothing, and reads what has to be signed', async () => {
  const objective = await proposed()
  const path = stepOf(objective, 'decisions', `?tenantId=${tenantId}`)
  const loom = await signed(objective.statement ?? '', 'agent.loom')
  for (const note of ['please', objective.statement ?? '', loom]) {
    const refused = await send({ path, body: { decision: 'ratify', note } }, api.operator)
    expect(refused).toMatchObject({
      status: 403,
      json: { code: 'objectives.signature-invalid', expected: objective.statement },
    })
  }
  const note = await signed(objective.statement ?? '')
  const brought = await send({ path, body: { decision: 'ratify', note } }, api.operator)
  expect(brought).toMatchObject({ status: 200, json: { state: 'ratified' } })
})

test('an edit over HTTP names what it replaces, and objections are shown with who made them', async () => {
  const objective = await proposed()
  const path = `/v1/objectives/${objective.objectiveId}`
  const objected = await send({
    ...{ path: stepOf(objective, 'objections'), body: { reason: 'It pays nobody.' } },
  })
  expect(objected.json['objections']).toMatchObject([{ by: 'agent:kasra', number: 1 }])
  const edit = { ...CONTENT, title: 'Second', replacesVersion: 1 }

  const edited = await send({ method: 'PUT', path, body: edit })
  const late = await send({ method: 'PUT', path, body: edit })

  expect(edited).toMatchObject({ status: 200, json: { version: 2, state: 'draft' } })
  expect(late).toMatchObject({
    status: 409,
    json: { code: 'objectives.version-conflict', newestVersion: 2 },
  })
  const first = await send({ method: 'GET', path: `${path}?version=1` })
  expect(first.json).toMatchObject({ state: 'superseded', objections: [{ number: 1 }] })
})

test('the same request under one key is one objective', async () => {
  const headers = { 'Idempotency-Key': 'drafted-once' }
  const order = { path: '/v1/objectives', body: CONTENT, headers }
  const [first, again] = [await send(order), await send(order)]
  const other = await send({ ...order, body: { ...CONTENT, title: 'Other' } })

  expect(again).toEqual(first)
  expect(other).toMatchObject({ status: 422 })
})

test('objectives are a tenant’s, those of operators the substrate’s', async () => {
  const mine = await drafted()
  const ours = await drafted({}, api.operator)
  const other = await givenAgent(api, await givenTenant(api), 'kasra')
  const get = (id: string, token: string, query = '') =>
    send({ method: 'GET', path: `/v1/objectives/${id}${query}` }, token)
  const notFound = { status: 404, json: { code: 'objectives.objective-not-found' } }

  expect(await get(mine.objectiveId, other)).toMatchObject(notFound)
  expect(await get(ours.objectiveId, kasra)).toMatchObject(notFound)
  expect(await get(mine.objectiveId, api.operator)).toMatchObject(notFound)
  const asTenant = `?tenantId=${tenantId}`
  expect(await get(mine.objectiveId, api.operator, asTenant)).toMatchObject({ status: 200 })
  const nowhere = { status: 404, json: { code: 'gateway.tenant-not-found' } }
  expect(await get(mine.objectiveId, other, asTenant)).toMatchObject(nowhere)
  const absent = { path: '/v1/objectives?tenantId=nobody', body: CONTENT }
  expect(await send(absent, api.operator)).toMatchObject(nowhere)
  const { json } = await send({ method: 'GET', path: '/v1/objectives?owner=kasra' }, other)
  expect(json['objectives']).toEqual([])
})

test.each([
  ['period/from', { period: { from: 'soon', to: '2026-12-31' } }, 'must be a day, as 2026-09-30'],
  ['owner', { owner: 'Kay!' }, 'must be the name of an agent or a principal'],
  ['keyResults', { keyResults: [] }, 'keyResults'],
])('%s that is not written as it should be is refused in words', async (_field, changes, told) => {
  const body = { ...CONTENT, ...changes }
  const refused = await send({ path: '/v1/objectives', body })
  expect(refused.status).toBe(400)
  expect(refused.json['detail']).toContain(told)
})

test('who may only read objectives drafts none', async () => {
  const { json } = await send({
    ...{ path: '/v1/tokens/delegate', body: { scopes: ['objectives:read'], expiresInDays: 1 } },
  })
  const reader = String(json['secret'])
  const list = await send({ method: 'GET', path: '/v1/objectives' }, reader)
  expect(list.status).toBe(200)
  const refused = await send({ path: '/v1/objectives', body: CONTENT }, reader)
  expect(refused.status).toBe(403)
})
