import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'
import { callTool, mcpClient } from './given-mcp.ts'

let api: Api

beforeAll(async () => {
  api = await startApi()
}, 120_000)

afterAll(async () => {
  await api.stop()
})

/** Workers write to their lead only, who may do everything. */
const TO_THE_LEAD = {
  default: 'deny',
  rules: [
    { from: 'lead', to: '*', effect: 'allow' },
    { from: 'worker-*', to: 'lead', kinds: ['send', 'ask'], effect: 'allow' },
  ],
}

async function givenTeam() {
  const tenantId = await givenTenant(api)
  const lead = await givenAgent(api, tenantId, 'lead')
  const worker = await givenAgent(api, tenantId, 'worker-1')
  await givenAgent(api, tenantId, 'worker-2')
  return { tenantId, lead, worker }
}

const readPolicy = (tenantId: string) =>
  api.call({ path: `/v1/send-policy?tenantId=${tenantId}`, token: api.operator })

const setPolicy = (tenantId: string, body: object, key?: string) =>
  api.call({
    method: 'PUT',
    path: `/v1/send-policy?tenantId=${tenantId}`,
    token: api.operator,
    body,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  })

const post = (path: string, token: string, body: object) =>
  api.call({ method: 'POST', path, token, body })

test('an operator sets who may write to whom, and it holds for HTTP and MCP at once', async () => {
  const { tenantId, lead, worker } = await givenTeam()
  const unset = await readPolicy(tenantId)
  expect([unset.status, unset.json]).toEqual([200, { version: 0, default: 'allow', rules: [] }])

  const set = await setPolicy(tenantId, { replacesVersion: 0, ...TO_THE_LEAD })

  expect(set.status).toBe(200)
  expect(set.json).toEqual({ version: 1, ...TO_THE_LEAD, setAt: expect.any(String) })
  expect((await readPolicy(tenantId)).json).toEqual(set.json)
  await givenMessage(api, { token: worker, to: 'lead', text: 'done' })
  const refused = [
    await post('/v1/messages', worker, { to: 'worker-2', text: 'psst' }),
    await post('/v1/asks', worker, { to: 'worker-2', text: 'psst?', timeoutSeconds: 5 }),
  ]
  expect(refused.map(({ status, code }) => [status, code])).toEqual([
    [403, 'bridge.send-not-allowed'],
    [403, 'bridge.send-not-allowed'],
  ])
  expect(refused[0]?.json).toMatchObject({ from: 'worker-1', to: 'worker-2', kind: 'send' })
  const broadcasts = [
    await post('/v1/broadcasts', worker, { text: 'all' }),
    await post('/v1/broadcasts', lead, { text: 'all' }),
  ]
  expect(broadcasts.map(({ json }) => json['recipients'])).toEqual([0, 2])

  const client = await mcpClient(api.suite.gatewayUrl, worker)
  const results = [
    await callTool(client, 'send', { to: 'worker-2', text: 'psst' }),
    await callTool(client, 'ask', { to: 'worker-2', text: 'psst?', timeoutSeconds: 5 }),
    await callTool(client, 'send', { to: 'lead', text: 'done again' }),
  ]
  await client.close()
  expect(results.map(({ isError, json }) => [isError, json['code']])).toEqual([
    [true, 'bridge.send-not-allowed'],
    [true, 'bridge.send-not-allowed'],
    [false, undefined],
  ])
})

test('an ask that is allowed is answered, though its answerer may not write to the asker', async () => {
  const { tenantId, lead, worker } = await givenTeam()
  const rules = [{ from: 'worker-*', to: 'lead', effect: 'allow' }]
  await setPolicy(tenantId, { replacesVersion: 0, default: 'deny', rules })
  const asking = post('/v1/asks', worker, { to: 'lead', text: 'may I?', timeoutSeconds: 20 })

  const received = await post('/v1/inbox/receive', lead, { body: 'laptop', waitSeconds: 20 })
  const [question] = received.json['messages'] as { messageId: string }[]
  const replyTo = question?.messageId
  const unasked = await post('/v1/messages', lead, { to: 'worker-1', text: 'by the way' })
  const answered = await post('/v1/messages', lead, { to: 'worker-1', text: 'yes', replyTo })

  expect([unasked.status, unasked.code]).toEqual([403, 'bridge.send-not-allowed'])
  expect(answered.status).toBe(202)
  expect((await asking).json).toMatchObject({ answered: true, answer: { text: 'yes' } })
})

test('a policy that was changed meanwhile is not overwritten, and the problem says its version', async () => {
  const { tenantId } = await givenTeam()
  await setPolicy(tenantId, { replacesVersion: 0, ...TO_THE_LEAD })

  const both = await Promise.all(
    ['allow', 'deny'].map((byDefault) =>
      setPolicy(tenantId, { replacesVersion: 1, default: byDefault, rules: [] }),
    ),
  )

  const [won, lost] = both.sort((one, other) => one.status - other.status)
  expect([won?.status, won?.json['version']]).toEqual([200, 2])
  expect([lost?.status, lost?.code]).toEqual([409, 'bridge.send-policy-changed'])
  expect(lost?.json).toMatchObject({ field: 'replacesVersion', currentVersion: 2 })
  expect((await readPolicy(tenantId)).json).toEqual(won?.json)
})

test('one key sets a policy once, and is refused for another policy or tenant', async () => {
  const [{ tenantId }, other] = [await givenTeam(), await givenTenant(api)]
  const body = { replacesVersion: 0, ...TO_THE_LEAD }
  const key = `once-${tenantId}`
  const answers = await Promise.all(Array.from({ length: 5 }, () => setPolicy(tenantId, body, key)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)

  const reused = [
    await setPolicy(tenantId, { ...body, replacesVersion: 1 }, key),
    await setPolicy(other, body, key),
    await api.call({
      method: 'POST',
      path: '/v1/tenants',
      token: api.operator,
      body: { tenantId: 'after-policy', name: 'x' },
      headers: { 'idempotency-key': key },
    }),
  ]

  expect(reused.map(({ status, code }) => `${status} ${code ?? ''}`)).toEqual(
    Array.from({ length: 3 }, () => '422 gateway.idempotency-key-reused'),
  )
  expect((await readPolicy(tenantId)).json).toMatchObject({ version: 1 })
  expect((await readPolicy(other)).json).toMatchObject({ version: 0 })
})

test('an operator’s token that only reads operations reads a policy and sets none', async () => {
  const { tenantId } = await givenTeam()
  const order = { kind: 'operator', scopes: ['operations:read'] }
  const reader = String((await post('/v1/tokens', api.operator, order)).json['secret'])
  const path = `/v1/send-policy?tenantId=${tenantId}`

  const read = await api.call({ path, token: reader })
  const body = { replacesVersion: 0, ...TO_THE_LEAD }
  const set = await api.call({ method: 'PUT', path, token: reader, body })

  expect(read.status).toBe(200)
  expect([set.status, set.code]).toEqual([403, 'gateway.scope-missing'])
  expect((await readPolicy(tenantId)).json).toMatchObject({ version: 0 })
})

test('what a pattern may be is said where one is wrong', async () => {
  const { tenantId } = await givenTeam()
  const rules = [{ from: '*-lead', to: '*', effect: 'allow' }]
  const refused = await setPolicy(tenantId, { replacesVersion: 0, default: 'deny', rules })

  expect(refused.json).toMatchObject({
    field: 'rules.0.from',
    detail: expect.stringMatching(/^rules\.0\.from must be `\*`, .* worker-\*\.$/),
  })
})
