import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { tokenRevoked } from '@mumega/contracts/gateway'
import { openAdmin, eventually } from '@mumega/testkit'
import { delegate, givenChild, listed, revokeBy, stateOf, type GivenToken } from './delegating.ts'
import { openEventStream } from './event-stream.ts'
import {
  givenAgentToken,
  givenTenant,
  isWaiting,
  openRows,
  startApi,
  type Api,
  type Rows,
} from './given.ts'
import { openSlowRequest } from './slow-request.ts'

const REVOKED = 'gateway.token-revoked'
const SENDING = ['messages:read', 'messages:send', 'agents:read']

let api: Api
let rows: Rows
let tenantId: string

beforeAll(async () => {
  // Long enough that no stream finds out by a look of its own.
  api = await startApi({ MUMEGA_STREAM_KEEP_ALIVE_MS: '60000' })
  rows = openRows(api)
  tenantId = await givenTenant(api)
}, 120_000)

afterAll(async () => {
  await rows.close()
  await api.stop()
})

let agents = 0

/** An agent's token, its child and its child's child. */
async function givenLine(): Promise<{ root: GivenToken; child: GivenToken; last: GivenToken }> {
  agents += 1
  const root = await givenAgentToken(api, { tenantId, name: `agent-${agents}` })
  const child = await givenChild(api, root.secret, { scopes: SENDING })
  const scopes = ['messages:read', 'messages:send']
  return { root, child, last: await givenChild(api, child.secret, { scopes }) }
}

test('descendants end with their ancestor at once, and lists say since when', async () => {
  const { root, child, last } = await givenLine()

  const revoked = await revokeBy(api, api.operator, root.tokenId)

  for (const token of [root, child, last]) expect(await stateOf(api, token)).toBe(REVOKED)
  const tokens = await listed(api, tenantId)
  for (const { tokenId } of [root, child, last]) {
    expect(tokens.get(tokenId)?.['revokedAt']).toBe(revoked.json['revokedAt'])
  }
  const again = await revokeBy(api, api.operator, last.tokenId)
  expect(again.json).toEqual({ tokenId: last.tokenId, revokedAt: revoked.json['revokedAt'] })
})

test('what is above a revoked token, and beside it, lives on', async () => {
  const { root, child, last } = await givenLine()
  const sibling = await givenChild(api, root.secret, { scopes: SENDING })

  await revokeBy(api, api.operator, child.tokenId)

  const states = [root, child, last, sibling].map((token) => stateOf(api, token))
  expect(await Promise.all(states)).toEqual(['live', REVOKED, REVOKED, 'live'])
})

test('a token revokes what descends from it, and all else is absent to it', async () => {
  const mine = await givenLine()
  const theirs = await givenLine()
  const before = await rows.count()

  const refused = [
    await revokeBy(api, mine.child.secret, mine.root.tokenId),
    await revokeBy(api, mine.child.secret, mine.child.tokenId),
    await revokeBy(api, mine.root.secret, theirs.last.tokenId),
    await revokeBy(api, mine.last.secret, mine.child.tokenId),
  ]
  const unchanged = await rows.count()
  const own = await revokeBy(api, mine.root.secret, mine.last.tokenId)

  for (const { status, code } of refused) {
    expect([status, code]).toEqual([404, 'gateway.token-not-found'])
  }
  expect(unchanged).toEqual(before)
  expect(own.status).toBe(200)
  expect(await stateOf(api, mine.last)).toBe(REVOKED)
  expect(await stateOf(api, mine.child)).toBe('live')
})

test('the open streams of descendants end at once, and each has an event', async () => {
  const { root, child, last } = await givenLine()
  const bus = await api.suite.bus('gateway')
  const heard = new Set<string>()
  bus.hear(tokenRevoked, ({ tokenId }) => void heard.add(tokenId))
  const url = `${api.suite.gatewayUrl}/v1/inbox/stream`
  const streams = await Promise.all(
    [child, last].map(({ secret }) => openEventStream(url, { authorization: `Bearer ${secret}` })),
  )
  for (const stream of streams) await stream.nextAny()

  await revokeBy(api, api.operator, root.tokenId)

  for (const stream of streams) {
    const end = await stream.next()
    expect([end?.event, end?.data]).toEqual(['end', expect.stringContaining(REVOKED)])
  }
  await eventually(async () => heard.size === 3, { what: 'an event for each' })
  expect(heard).toEqual(new Set([root, child, last].map(({ tokenId }) => tokenId)))
})

test('a stream on another gateway ends, too, when an ancestor is revoked', async () => {
  const { root, last } = await givenLine()
  const headers = { authorization: `Bearer ${last.secret}` }
  const stream = await openEventStream(`${api.suite.gatewayUrl}/v1/inbox/stream`, headers)
  await stream.nextAny()

  // By the event alone: the process that revoked told nobody.
  const bus = await api.suite.bus('gateway')
  await rows.db.transaction(async (trx) => {
    await trx.raw(`set local session_replication_role = replica`)
    await trx.raw(`update gateway.tokens set revoked_at = now() where token_id = ?`, [root.tokenId])
  })
  const messageId = randomUUID()
  await bus.publish(tokenRevoked, { tokenId: last.tokenId, tenantId }, { messageId })

  expect((await stream.next())?.event).toBe('end')
  expect(await stateOf(api, last)).toBe(REVOKED)
  expect((await listed(api, tenantId)).get(last.tokenId)).toHaveProperty('revokedAt')
})

test('an asker is told at once that its token’s ancestor was revoked', async () => {
  const { root, last } = await givenLine()
  const oracle = await givenLine()
  const body = { to: `agent-${agents}`, text: 'What is it?', timeoutSeconds: 60 }
  const asking = api.call({ method: 'POST', path: '/v1/asks', token: last.secret, body })
  await eventually(
    async () => {
      const { json } = await api.call({ path: '/v1/inbox', token: oracle.root.secret })
      return (json['messages'] as unknown[]).length > 0
    },
    { what: 'the question to arrive' },
  )

  await revokeBy(api, api.operator, root.tokenId)
  const answer = await asking

  expect([answer.status, answer.code]).toEqual([401, REVOKED])
})

test.each([
  ['delegates nothing', '/v1/tokens/delegate', { scopes: ['messages:read'] }],
  ['sends nothing', '/v1/messages', { to: 'agent-1', text: 'too late' }],
])('a child whose ancestor ends while its body is on the way %s', async (_what, path, body) => {
  const { root, child } = await givenLine()
  const slow = await openSlowRequest(api.suite.gatewayUrl, { path, token: child.secret, body })
  await revokeBy(api, api.operator, root.tokenId)
  const before = await rows.count()

  const answer = await slow.finish()

  expect([answer.status, answer.code]).toEqual([401, REVOKED])
  expect(await rows.count()).toEqual(before)
})

test('a grandparent’s revocation that commits first lets no grandchild be made', async () => {
  const { root, child } = await givenLine()
  const before = await rows.count()
  const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 2 })
  const revoking = await admin.transaction()
  await revoking.raw(`set local session_replication_role = replica`)
  await revoking.raw(`update gateway.tokens set revoked_at = now() where token_id = ?`, [
    root.tokenId,
  ])

  let isAnswered = false
  const scopes = ['messages:read']
  const answering = delegate(api, child.secret, { scopes }).finally(() => (isAnswered = true))
  await eventually(async () => isAnswered || (await isWaiting(admin)), { what: 'it to wait' })
  await revoking.commit()
  const answer = await answering
  await admin.destroy()

  expect([answer.status, answer.code]).toEqual([401, REVOKED])
  expect(await rows.count()).toEqual({ ...before, revoked: Number(before['revoked']) + 1 })
})

test('a revocation waits for a grandchild that is being made, and ends it', async () => {
  const { root, child, last } = await givenLine()
  const bus = await api.suite.bus('gateway')
  const heard = new Set<string>()
  bus.hear(tokenRevoked, ({ tokenId }) => void heard.add(tokenId))
  const admin = openAdmin(api.suite.database.adminUrl, { poolMax: 2 })
  // What a gateway does that is about to commit a second grandchild.
  const making = await admin.transaction()
  await making.raw(`set local session_replication_role = replica`)
  await making.raw(`select * from gateway.lock_token(?)`, [child.tokenId])
  const made = await making.raw<{ rows: { token_id: string }[] }>(
    `insert into gateway.tokens
       select (jsonb_populate_record(each, jsonb_build_object(
         'token_id', gen_random_uuid(), 'token_hash', sha256(gen_random_uuid()::text::bytea)
       ))).* from gateway.tokens each where token_id = ? returning token_id`,
    [last.tokenId],
  )
  const newest = String(made.rows[0]?.token_id)

  let isAnswered = false
  const revoking = revokeBy(api, api.operator, root.tokenId).finally(() => (isAnswered = true))
  await eventually(async () => isAnswered || (await isWaiting(admin)), { what: 'it to wait' })
  const hadToWait = !isAnswered
  await making.commit()
  await revoking
  await admin.destroy()

  expect(hadToWait).toBe(true)
  expect((await listed(api, tenantId)).get(newest)).toHaveProperty('revokedAt')
  await eventually(async () => heard.has(newest), { what: 'the event of the newest' })
})

test('operators who revoke each other’s descendants at once all get an answer', async () => {
  const scopes = ['tokens:write', 'tokens:read', 'audit:read']
  const makeRoot = async () => {
    const body = { kind: 'operator', scopes: [...scopes, 'log:read'] }
    const made = await api.call({ method: 'POST', path: '/v1/tokens', token: api.operator, body })
    return made.json as unknown as GivenToken
  }
  const [one, two] = [await makeRoot(), await makeRoot()]
  const oneChild = await givenChild(api, one.secret, { scopes })
  const twoChild = await givenChild(api, two.secret, { scopes })

  const answers = await Promise.all([
    revokeBy(api, oneChild.secret, two.tokenId),
    revokeBy(api, twoChild.secret, one.tokenId),
    delegate(api, oneChild.secret, { scopes: ['audit:read'] }),
    delegate(api, twoChild.secret, { scopes: ['audit:read'] }),
  ])

  expect(
    answers
      .slice(0, 2)
      .map(({ status }) => status)
      .sort(),
  ).toEqual([200, 401])
  for (const { status } of answers.slice(2)) expect([201, 401]).toContain(status)
})
