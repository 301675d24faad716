import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectBus, type Bus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import type { ReplyOf, RequestContract, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import {
  openAdmin,
  eventually,
  startTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@mumega/testkit'
import { runFolder } from '@mumega/testkit/config'
import { generateVkey, signNote, signerFromSeed, type Signer } from '@mumega/tlog/note'
import { rotationText } from '@mumega/tlog/rotation'
import { loadConfig } from '../src/config.ts'
import { start } from '../src/service.ts'

export interface TestObjectives {
  readonly database: TestDatabase
  readonly nats: TestNats
  /** As the administrator, past row-level security. */
  readonly admin: Knex
  /** As the service itself sees it: nothing without a tenant. */
  readonly db: Knex
  /** The installation's principals, by their ids. */
  readonly signers: ReadonlyMap<string, Signer>
  readonly gateway: Bus
  call<C extends RequestContract>(
    context: CallContext,
    contract: C,
    request: RequestOf<C>,
  ): Promise<ReplyOf<C>>
  /** One more process's worth of the service on the same database and bus. */
  another(settings?: Record<string, string>): Promise<{ stop: () => Promise<void> }>
  stop(): Promise<void>
}

export const newSigner = (name: string): Signer => signerFromSeed(name, randomBytes(32))
export const vkeyOf = ({ name, publicKey }: Signer): string => generateVkey(name, publicKey)

export function principalsFile(signers: Iterable<Signer>): string {
  const path = join(mkdtempSync(join(runFolder(), 'principals-')), 'principals.json')
  const all = [...signers].map((signer) => ({
    principalId: signer.name,
    displayName: `The principal ${signer.name}`,
    vkey: vkeyOf(signer),
  }))
  writeFileSync(path, JSON.stringify(all))
  return path
}

const FIRST = ['agent.athena', 'agent.kasra', 'human.kay'].map(newSigner)

/** One service on a database and a nats-server of its own, with these principals and settings. */
export async function startTestObjectives(
  first: readonly Signer[] = FIRST,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestObjectives> {
  const [database, nats] = await Promise.all([startTestDatabase(['objectives']), startTestNats()])
  const signers = new Map(first.map((signer) => [signer.name, signer]))
  const environment = {
    DATABASE_URL: database.urlOf('objectives'),
    NATS_URL: nats.url,
    NATS_NKEY_SEED: nats.seedOf('objectives'),
    OBJECTIVES_PRINCIPALS_FILE: principalsFile(signers.values()),
    ...settings,
  }
  const running = [await start(loadConfig(environment))]
  const gateway = await connectBus({
    ...{ natsUrl: nats.url, nkeySeed: nats.seedOf('gateway'), service: 'gateway' },
    clock: systemClock,
  })
  const admin = openAdmin(database.adminUrl, { schema: 'objectives' })
  return {
    ...{ database, nats, admin, signers, gateway },
    db: database.open('objectives'),
    call: (context, contract, request) => gateway.request(contract, request, { context }),
    async another(changes = {}) {
      const started = await start(loadConfig({ ...environment, ...changes }))
      running.push(started)
      return started
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

export function agent(name: string, tenantId = 'acme'): CallContext {
  return { tenantId, actor: { id: `agent:${name}`, kind: 'agent' } }
}

/** An operator, whose token may do everything. */
export function operator(tenantId: string = SUBSTRATE): CallContext {
  return { tenantId, actor: { id: `operator:${randomUUID()}`, kind: 'human' } }
}

/** A rotation from one key to another, signed by these. */
export function rotation(from: Signer, to: Signer, by: readonly Signer[] = [from, to]) {
  const text = rotationText({ principalId: from.name, from: vkeyOf(from), to: vkeyOf(to) })
  return {
    requestId: randomUUID(),
    principalId: from.name,
    vkey: vkeyOf(to),
    note: noteOf(text, by),
  }
}

/** A note of this text with the signatures of these. */
export function noteOf(text: string, by: readonly Signer[]): string {
  const lines = by.map((signer) => signNote(text, signer).slice(text.length + 1))
  return `${text}\n${lines.join('')}`
}

/** All that is on record of principals and keys, to be the same after what changes nothing. */
export async function tallyOf({ admin }: TestObjectives): Promise<Record<string, unknown>[]> {
  const found = await admin.raw<{ rows: Record<string, unknown>[] }>(
    `select (select count(*) from principal_keys) as keys,
            (select json_agg(p order by principal_id) from substrate_principals p) as principals`,
  )
  return found.rows
}

/** How each note is refused: by which code, for which fault, and what it was to say instead. */
export async function refusalsOf(
  notes: readonly string[],
  bring: (note: string) => Promise<unknown>,
): Promise<unknown[][]> {
  const found: unknown[][] = []
  for (const note of notes) {
    const { code, details } = await refusal(bring(note))
    found.push([code, details['fault'], details['expected']])
  }
  return found
}

/** What an expected refusal looks like to the caller. */
export async function refusal(
  work: Promise<unknown>,
): Promise<{ code: string; details: Record<string, unknown> }> {
  try {
    await work
  } catch (error) {
    const { code, details } = error as { code: string; details: object }
    return { code, details: { ...details } }
  }
  throw new Error('it was accepted')
}

/** How many acts the service has put on their way to the ledger. */
export async function intentsOf({ admin }: TestObjectives): Promise<number> {
  const isEmpty = async () => {
    const [row] = await admin('outbox').count({ count: '*' })
    return Number(row?.count) === 0
  }
  await eventually(isEmpty, { what: 'an empty outbox' })
  const [row] = await admin<{ last_number: string }>('outbox_counter').select()
  return Number(row?.last_number)
}
