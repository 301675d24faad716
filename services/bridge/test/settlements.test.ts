import { randomUUID } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openDatabase, type Knex } from '@mumega/db'
import { migrate } from '@mumega/db/migrate'
import { eventually, startTestDatabase } from '@mumega/testkit'
import { handleGetAgent } from '../src/agents/read-agents.ts'
import { settle } from '../src/deliveries/delivery-repository.ts'
import { listNew, upsertLeases } from '../src/deliveries/lease-repository.ts'
import { handleBroadcastMessage, handleSendMessage } from '../src/messages/send-message.ts'
import { startDeliveries, type Deliveries } from './given-deliveries.ts'
import { agent, areWaiting, inconsistentInboxes, refusal } from './given.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')
const kasra = agent('kasra')

let bus: Deliveries
beforeAll(async () => {
  bus = await startDeliveries()
})
afterAll(async () => {
  await bus.stop()
})

async function openTransaction(): Promise<Knex.Transaction> {
  const trx = await bus.bridge.db.transaction()
  await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
  return trx
}

/** An acknowledgement that has been made and is not committed. */
async function holdAcknowledgement(name: string, messageId: string): Promise<Knex.Transaction> {
  const held = await openTransaction()
  const order = { tenantId: 'acme', messageId, agents: [name], at: bus.now() }
  await settle(held, order, { how: 'acknowledged' })
  return held
}

const unreadOf = async (name: string) => (await handleGetAgent(bus.bridge, kasra, { name })).unread

/** Few at a time: a tenant's requests wait for the database a bounded time only. */
async function atOnce<Result>(works: readonly (() => Promise<Result>)[]): Promise<Result[]> {
  const results: Result[] = []
  const left = works.values()
  async function workOn(): Promise<void> {
    for (const work of left) results.push(await work())
  }
  await Promise.all(Array.from({ length: 8 }, workOn))
  return results
}

const sendMany = (to: string, count: number, fields: { expiresAt?: string } = {}) =>
  atOnce(Array.from({ length: count }, () => () => bus.send(to, fields)))

const broadcast = (fields: { expiresAt?: string }) =>
  handleBroadcastMessage(bus.bridge, kasra, { requestId: randomUUID(), text: 'all', ...fields })

const inSeconds = (seconds: number) => new Date(bus.now().getTime() + seconds * 1_000).toISOString()

test('an acknowledgement that is held open keeps neither others nor messages from its inbox', async () => {
  const loom = await bus.givenAgent()
  const [first = '', ...others] = await sendMany(loom, 5)
  const held = await holdAcknowledgement(loom, first)

  for (const messageId of others) await bus.acknowledge(loom, messageId)
  await bus.send(loom)

  expect(await unreadOf(loom)).toBe(2)
  await held.rollback()
  expect(await inconsistentInboxes(bus)).toEqual([])
})

test('a message that is held open keeps no acknowledgement of its inbox, also not the first', async () => {
  const loom = await bus.givenAgent()
  const [messageId = ''] = await sendMany(loom, 1)
  const held = await bus.admin.transaction()
  // As a broadcast has it.
  await held.raw('select from inboxes where agent = ? for update', [loom])

  await bus.acknowledge(loom, messageId)

  await held.rollback()
  expect(await unreadOf(loom)).toBe(0)
})

test('an expiry for several agents has no count of a later one while it waits for an earlier one’s', async () => {
  const [first = '', second = ''] = [await bus.givenAgent(), await bus.givenAgent()].sort()
  await broadcast({ expiresAt: inSeconds(10) })
  await sendMany(second, 15)
  // The 17th, which is counted where the first is.
  const messageId = await bus.send(second)
  bus.pass(10)
  const held = await bus.admin.transaction()
  await held('settlements').insert({ tenant_id: 'acme', agent: first, slot: 1, settled: 0 })
  const sweeping = bus.sweep()
  await eventually(() => areWaiting(bus.admin, 1), { what: 'the expiry' })

  await bus.acknowledge(second, messageId)

  await held.rollback()
  await sweeping
  expect([await unreadOf(first), await unreadOf(second)]).toEqual([0, 15])
})

test('a message that waited is not refused for what was settled meanwhile', async () => {
  const loom = await bus.givenAgent()
  const [messageId = ''] = await sendMany(loom, 2)
  const small = { ...bus.bridge, inboxUnreadMax: 2 }
  const send = () =>
    handleSendMessage(small, kasra, { requestId: randomUUID(), to: loom, text: 'one more' })
  expect(await refusal(send())).toMatchObject({ code: 'bridge.inbox-full' })
  const held = await bus.admin.transaction()
  await held.raw('select from inboxes where agent = ? for update', [loom])
  const sending = send()
  await eventually(() => areWaiting(bus.admin, 1), { what: 'the message' })
  await bus.acknowledge(loom, messageId)

  await held.rollback()

  await sending
  expect(await refusal(send())).toMatchObject({ code: 'bridge.inbox-full' })
  expect(await unreadOf(loom)).toBe(2)
})

test('an acknowledgement that waits for a body to be given the message ends its lease, too', async () => {
  const loom = await bus.givenAgent()
  await bus.receive(loom, 'laptop')
  const messageId = await bus.send(loom)
  const held = await openTransaction()
  const key = { tenantId: 'acme', agent: loom, body: 'laptop' }
  await listNew(held, { ...key, now: bus.now(), after: 0, limit: 1 })
  const endsAt = new Date(bus.now().getTime() + 30_000)
  const lease = { position: 1, attempts: 1, endsAt }
  await upsertLeases(held, { ...key, claimId: undefined, leases: [lease] })
  const acknowledging = bus.acknowledge(loom, messageId)
  await eventually(() => areWaiting(bus.admin, 1), { what: 'the acknowledgement' })

  await held.commit()
  await acknowledging

  expect(await bus.admin('leases').where({ recipient: loom })).toEqual([])
  expect(await bus.seen(messageId)).toMatchObject({ status: 'acknowledged', attempts: 1 })
})

test('what is settled, expires and is delivered again at once is counted exactly', async () => {
  const names = await Promise.all(Array.from({ length: 4 }, () => bus.givenAgent()))
  const expiresAt = inSeconds(60)
  const acts: (() => Promise<unknown>)[] = []
  for (const name of names) {
    const acknowledged = await sendMany(name, 20)
    const expiring = await sendMany(name, 10, { expiresAt })
    // Twice each, and what expires before or after that.
    const twice = [...acknowledged, ...expiring, ...acknowledged]
    acts.push(...twice.map((messageId) => () => bus.acknowledge(name, messageId)))
    for (const messageId of await sendMany(name, 20)) {
      acts.push(async () => {
        await bus.reject(name, messageId)
        await bus.redeliver(name, messageId)
      })
    }
  }
  for (let sent = 0; sent < 20; sent += 1) await broadcast({ expiresAt })
  bus.pass(60)
  // Far from each other, so that what comes together is of several inboxes and of several kinds.
  const mixed = Array.from({ length: 7 }, (_, rest) => acts.filter((_act, nth) => nth % 7 === rest))

  await Promise.all([bus.sweep(), bus.sweep(), atOnce(mixed.flat())])

  expect(await inconsistentInboxes(bus)).toEqual([])
  for (const name of names) expect(await unreadOf(name)).toBe(20)
}, 60_000)

test('what was counted in the inboxes is counted on, of every tenant', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'))
  for (const name of readdirSync(MIGRATIONS).filter((each) => each < '0009')) {
    cpSync(join(MIGRATIONS, name), join(folder, name))
  }
  const old = await startTestDatabase([])
  const service = { service: 'bridge', password: 'test-password' }
  await migrate(old.adminUrl, [{ ...service, migrationsDir: folder }])
  const url = `${old.adminUrl}?options=-csearch_path%3Dbridge`
  const admin = openDatabase(url, { poolMax: 1 })
  await admin.raw('set session_replication_role = replica')
  // Every third is acknowledged, every sixth a dead letter before; and every fifth has expired.
  await admin.raw(`
    insert into agents (tenant_id, name, registered_at)
    values ('acme', 'loom', now()), ('acme', 'river', now()), ('globex', 'loom', now());
    insert into deliveries (tenant_id, recipient, position, message_id, acknowledged_at,
                            dead_lettered_at, dead_letter_reason, expired_at)
    select a.tenant_id, a.name, nth, gen_random_uuid(),
           case when nth % 3 = 0 then now() end, case when nth % 6 = 0 then now() end,
           case when nth % 6 = 0 then 'lost' end, case when nth % 5 = 0 then now() end
      from agents a, generate_series(1, 100) as nth where a.name = 'loom';
    insert into inboxes (tenant_id, agent, last_position, settled, last_work_at)
    select tenant_id, name, case name when 'loom' then 100 else 0 end,
           case name when 'loom' then 47 else 0 end,
           case tenant_id when 'acme' then timestamptz '2026-01-01Z' end
      from agents`)

  await migrate(old.adminUrl, [{ ...service, migrationsDir: MIGRATIONS }])

  expect(await inconsistentInboxes({ admin })).toEqual([])
  const bridge = { ...bus.bridge, db: old.open('bridge') }
  const shown = (tenantId: string, name: string) =>
    handleGetAgent(bridge, agent('loom', tenantId), { name })
  const lastWorkAt = '2026-01-01T00:00:00.000Z'
  expect(await shown('acme', 'loom')).toMatchObject({ unread: 53, lastWorkAt })
  expect(await shown('acme', 'river')).toMatchObject({ unread: 0, lastWorkAt })
  const elsewhere = await shown('globex', 'loom')
  expect(elsewhere).toMatchObject({ unread: 53 })
  expect(elsewhere).not.toHaveProperty('lastWorkAt')
  await admin.destroy()
  await old.drop()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)
