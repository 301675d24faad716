import { randomUUID } from 'node:crypto'
import { connectBus, type Bus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { auditAppend, type AuditIntent } from '@mumega/contracts/audit'
import * as contracts from '@mumega/contracts/bridge'
import type { ReplyOf, RequestContract, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import {
  openAdmin,
  startTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@mumega/testkit'
import { loadConfig } from '../src/config.ts'
import { start } from '../src/service.ts'

export interface TestBridge {
  database: TestDatabase
  nats: TestNats
  /** As the service itself sees it: nothing without a tenant. */
  db: Knex
  /** As the administrator, past row-level security. */
  admin: Knex
  /** The gateway's connection, through which every request goes. */
  gateway: Bus
  /** Asks the bridge as this caller. */
  call<C extends RequestContract>(
    context: CallContext,
    contract: C,
    request: RequestOf<C>,
  ): Promise<ReplyOf<C>>
  /** One more process's worth of the service on the same database and bus. */
  startAnother(): Promise<{ stop: () => Promise<void> }>
  /** Stops the one that was started first. */
  stopFirst(): Promise<void>
  stop(): Promise<void>
}

/** One bridge on a database and a nats-server of its own. */
export async function startTestBridge(settings: Record<string, string> = {}): Promise<TestBridge> {
  const [database, nats] = await Promise.all([startTestDatabase(['bridge']), startTestNats()])
  const config = loadConfig({
    DATABASE_URL: database.urlOf('bridge'),
    NATS_URL: nats.url,
    NATS_NKEY_SEED: nats.seedOf('bridge'),
    ...settings,
  })
  const running = [await start(config)]
  const gateway = await connectAs(nats, 'gateway')
  const admin = openAdmin(database.adminUrl, { schema: 'bridge' })
  return {
    database,
    nats,
    db: database.open('bridge'),
    admin,
    gateway,
    call: (context, contract, request) => gateway.request(contract, request, { context }),
    async startAnother() {
      const another = await start(config)
      running.push(another)
      return another
    },
    async stopFirst() {
      await running[0]?.stop()
    },
    async stop() {
      await gateway.drain()
      await Promise.all(running.map((service) => service.stop()))
      await admin.destroy()
      await database.drop()
      await nats.stop()
    },
  }
}

/** A service's own connection to the bus. */
export function connectAs(nats: TestNats, service: string): Promise<Bus> {
  const nkeySeed = nats.seedOf(service)
  return connectBus({ natsUrl: nats.url, nkeySeed, service, clock: systemClock })
}

export function agent(name: string, tenantId = 'acme'): CallContext {
  return { tenantId, actor: { id: `agent:${name}`, kind: 'agent' } }
}

export function operator(tenantId = 'acme'): CallContext {
  return { tenantId, actor: { id: `operator:${randomUUID()}`, kind: 'human' } }
}

export async function givenAgents(
  bridge: TestBridge,
  names: string[],
  tenantId = 'acme',
): Promise<void> {
  for (const name of names) {
    const request = { requestId: randomUUID(), name }
    await bridge.call(operator(tenantId), contracts.registerAgent, request)
  }
}

/** Sends one message and gives its id. */
export async function givenMessage(
  bridge: TestBridge,
  from: CallContext,
  fields: Omit<RequestOf<typeof contracts.sendMessage>, 'requestId'>,
): Promise<string> {
  const request = { requestId: randomUUID(), ...fields }
  return (await bridge.call(from, contracts.sendMessage, request)).messageId
}

/** The whole inbox of an agent, page by page. */
export async function inboxOf(
  bridge: TestBridge,
  context: CallContext,
): Promise<contracts.InboxMessage[]> {
  const all: contracts.InboxMessage[] = []
  for (let after = 0; ;) {
    const request = { after, limit: 100, unreadOnly: false }
    const page = await bridge.call(context, contracts.listInbox, request)
    all.push(...page.messages)
    if (page.next === undefined) return all
    after = Number(page.next)
  }
}

const SETTLED_AT = 'coalesce(d.acknowledged_at, d.dead_lettered_at, d.expired_at)'

/** The inboxes whose head or counts say something else than their rows do: there must be none. */
export async function inconsistentInboxes({
  admin,
}: Pick<TestBridge, 'admin'>): Promise<unknown[]> {
  const heads = await admin.raw<{ rows: unknown[] }>(
    `select i.tenant_id, i.agent, i.last_position, count(d.position) as deliveries,
            max(d.position) as highest
       from inboxes i
       left join deliveries d on d.tenant_id = i.tenant_id and d.recipient = i.agent
      group by 1, 2, 3
     having i.last_position <> count(d.position)
         or i.last_position <> coalesce(max(d.position), 0)`,
  )
  const counts = await admin.raw<{ rows: unknown[] }>(
    `with counted as (
       select d.tenant_id, d.recipient as agent, d.position % 16 as slot,
              count(${SETTLED_AT}) as settlements
         from deliveries d group by 1, 2, 3)
     select tenant_id, agent, slot, c.settlements, s.settled
       from counted c full join settlements s using (tenant_id, agent, slot)
      where coalesce(c.settlements, 0) <> coalesce(s.settled, 0)`,
  )
  return [...heads.rows, ...counts.rows]
}

/** Takes the audit-ledger's place and keeps every intent that the bridge publishes. */
export async function collectIntents(nats: TestNats): Promise<{
  intents: AuditIntent[]
  stop: () => Promise<void>
}> {
  const ledger = await connectAs(nats, 'audit-ledger')
  const intents: AuditIntent[] = []
  await ledger.consume(auditAppend('bridge'), 'audit-ledger', async (batch) => {
    intents.push(...batch.intents)
    await Promise.resolve()
  })
  return { intents, stop: () => ledger.drain() }
}

/** What an expected refusal looks like to the caller. */
export async function refusal(
  work: Promise<unknown>,
): Promise<{ code: string; kind: string; details: Record<string, unknown> }> {
  try {
    await work
  } catch (error) {
    const { code, kind, details } = error as { code: string; kind: string; details: object }
    return { code, kind, details: { ...details } }
  }
  throw new Error('it was accepted')
}

export const PRESENCE = {
  activeSeconds: 600,
  aliveSeconds: 300,
  runSeconds: 3_600,
  unreadSeconds: 1_800,
  deadSeconds: 86_400,
}

/** Whether so many of the bridge's statements wait for a lock. */
export async function areWaiting(admin: Knex, count: number): Promise<boolean> {
  const { rows: waiting } = await admin.raw<{ rows: unknown[] }>(
    `select from pg_stat_activity
      where usename = 'mumega_bridge' and wait_event_type = 'Lock' and datname = current_database()`,
  )
  return waiting.length === count
}
