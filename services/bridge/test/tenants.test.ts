import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { getAgent, listAgents, sendMessage } from '@mumega/contracts/bridge'
import { acknowledgeMessage, getMessage } from '@mumega/contracts/deliveries'
import { readAs } from '@mumega/db/act'
import {
  agent,
  givenAgents,
  givenMessage,
  inboxOf,
  operator,
  refusal,
  startTestBridge,
  type TestBridge,
} from './given.ts'
import { ALLOW_ALL, givenPolicy } from './given-send-policy.ts'

// The relay and the retries of all tenants share them.
const SHARED_TABLES = ['outbox', 'outbox_counter', 'processed_requests', 'schema_migrations']

let bridge: TestBridge
let secret: string
beforeAll(async () => {
  bridge = await startTestBridge()
  await givenAgents(bridge, ['kasra', 'loom'], 'acme')
  await givenAgents(bridge, ['kasra', 'river'], 'globex')
  secret = await givenMessage(bridge, agent('kasra'), { to: 'loom', text: 'acme only' })
  await inboxOf(bridge, agent('loom'))
  await givenPolicy(bridge, ALLOW_ALL)
})
afterAll(async () => {
  await bridge.stop()
})

test('another tenant’s agent is refused exactly as an agent that does not exist', async () => {
  const send = (to: string) =>
    refusal(
      bridge.call(agent('kasra', 'globex'), sendMessage, {
        requestId: randomUUID(),
        to,
        text: 'hello',
      }),
    )
  const find = (name: string) => refusal(bridge.call(operator('globex'), getAgent, { name }))

  for (const attempt of [send, find]) {
    const absent = await attempt('nobody')
    expect(await attempt('loom')).toEqual({ ...absent, details: { agent: 'loom' } })
    expect(absent.code).toBe('bridge.agent-not-found')
  }
})

test('another tenant’s message is refused exactly as a message that does not exist', async () => {
  const kasra = agent('kasra', 'globex')
  const attempts = [
    (messageId: string) => bridge.call(kasra, getMessage, { messageId }),
    (messageId: string) => bridge.call(operator('globex'), getMessage, { messageId }),
    (messageId: string) =>
      bridge.call(kasra, acknowledgeMessage, { requestId: randomUUID(), messageId }),
    (messageId: string) =>
      bridge.call(kasra, sendMessage, {
        requestId: randomUUID(),
        to: 'river',
        text: 're',
        replyTo: messageId,
      }),
  ]
  const absentId = randomUUID()
  for (const attempt of attempts) {
    const absent = await refusal(attempt(absentId))
    expect(absent.code).toBe('bridge.message-not-found')
    expect(await refusal(attempt(secret))).toEqual({ ...absent, details: { messageId: secret } })
  }
})

test('an agent of the same name in another tenant has an inbox of its own', async () => {
  await givenMessage(bridge, agent('river', 'globex'), { to: 'kasra', text: 'globex only' })

  expect(await inboxOf(bridge, agent('kasra', 'acme'))).toEqual([])
  expect(await inboxOf(bridge, agent('kasra', 'globex'))).toMatchObject([{ text: 'globex only' }])
  const { agents } = await bridge.call(operator('globex'), listAgents, { limit: 200 })
  expect(agents.map(({ name }) => name)).toEqual(['kasra', 'river'])
})

/** The bridge's own tables; those that every service has belong to no tenant. */
async function tablesOf(): Promise<string[]> {
  const found = await bridge.admin.raw<{ rows: { relname: string }[] }>(
    `select relname from pg_class
      where relnamespace = 'bridge'::regnamespace and relkind = 'r' and not relname = any(?)
      order by relname`,
    [SHARED_TABLES],
  )
  return found.rows.map(({ relname }) => relname)
}

test('a query without a tenant sees nothing in any table, also on a connection that had one before', async () => {
  const tables = await tablesOf()
  for (const table of tables) {
    await readAs(bridge.db, agent('kasra'), (trx) => trx(table).select())

    expect([table, await bridge.db(table).select()]).toEqual([table, []])
  }
  expect(tables).toContain('messages')
})

test('a query sees its own tenant’s rows only, in any table', async () => {
  for (const table of await tablesOf()) {
    const rows = await readAs(bridge.db, agent('kasra', 'globex'), (trx) =>
      trx<{ tenant_id?: string }>(table).select(),
    )
    // The operators' tables have no such column, and tenants see none of their rows.
    expect([table, rows.filter((row) => row.tenant_id !== 'globex')]).toEqual([table, []])
  }
})

test('every table of the bridge forces row-level security on its owner too', async () => {
  const found = await bridge.admin.raw<{ rows: { relname: string }[] }>(
    `select relname from pg_class
      where relnamespace = 'bridge'::regnamespace and relkind = 'r'
        and not (relrowsecurity and relforcerowsecurity) order by relname`,
  )
  expect(found.rows.map(({ relname }) => relname)).toEqual(SHARED_TABLES)
})

test.each([
  ['set row_security = off; select * from messages', 'would be affected by row-level security'],
  ['alter table messages disable row level security', 'must be owner'],
  ['drop policy by_tenant on messages', 'must be owner'],
  ['alter table messages disable trigger all', 'must be owner'],
  ['set role mumega_bridge_owner', 'permission denied'],
  ['set session_replication_role = replica', 'permission denied'],
  ['update messages set text = text', 'permission denied'],
  ['delete from messages', 'permission denied'],
  ['delete from deliveries', 'permission denied'],
  ['update deliveries set position = 1', 'permission denied'],
  ['update agents set name = name', 'permission denied'],
  ['truncate messages', 'permission denied'],
  ['delete from settlements', 'permission denied'],
  ['update settlements set slot = 1', 'permission denied'],
  ['delete from send_policies', 'permission denied'],
  [`update send_policies set tenant_id = 'globex'`, 'permission denied'],
])('the service’s own role cannot get past the guards: %s', async (sql, complaint) => {
  await expect(bridge.db.transaction((trx) => trx.raw(sql))).rejects.toThrow(complaint)
})

test('the service’s own role cannot write for a tenant that is not set', async () => {
  const forged = readAs(bridge.db, agent('kasra', 'globex'), (trx) => trx.raw('select 1')).then(
    () =>
      bridge.db.transaction(async (trx) => {
        await trx.raw(`select set_config('mumega.tenant_id', 'globex', true)`)
        await trx.raw(
          `insert into presence (tenant_id, agent, status, last_seen_at)
         values ('acme', 'loom', 'idle', now())`,
        )
      }),
  )
  await expect(forged).rejects.toThrow('violates row-level security policy')
})

test.each([
  [`insert into agents (tenant_id, name, registered_at) values ('acme', 'sneaky', now())`],
  [`update deliveries set acknowledged_at = now()`],
  [`update send_policies set fallback = 'deny'`],
])('a change without its audit intent is refused by the database: %s', async (sql) => {
  const unaudited = bridge.db.transaction(async (trx) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
    await trx.raw(sql)
  })
  await expect(unaudited).rejects.toThrow('needs an audit intent')
})
