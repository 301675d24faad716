import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectBus, type Bus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import type { ReplyOf, RequestContract, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import { openDatabase, type Knex } from '@mumega/db'
import { startTestDatabase, startTestNats, type TestDatabase, type TestNats } from '@mumega/testkit'
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

/** One service on a database and a nats-server of its own. */
export async function startTestObjectives(
  names: readonly string[] = ['agent.athena', 'agent.kasra', 'human.kay'],
): Promise<TestObjectives> {
  const [database, nats] = await Promise.all([startTestDatabase(['objectives']), startTestNats()])
  const signers = new Map(names.map((name) => [name, newSigner(name)]))
  const environment = {
    DATABASE_URL: database.urlOf('objectives'),
    NATS_URL: nats.url,
    NATS_NKEY_SEED: nats.seedOf('objectives'),
    OBJECTIVES_PRINCIPALS_FILE: principalsFile(signers.values()),
  }
  const running = [await start(loadConfig(environment))]
  const gateway = await connectBus({
    ...{ natsUrl: nats.url, nkeySeed: nats.seedOf('gateway'), service: 'gateway' },
    clock: systemClock,
  })
  const admin = openDatabase(`${database.adminUrl}?options=-csearch_path%3Dobjectives`)
  return {
    ...{ database, nats, admin, signers, gateway },
    db: database.open('objectives'),
    call: (context, contract, request) => gateway.request(contract, request, { context }),
    async another(settings = {}) {
      const started = await start(loadConfig({ ...environment, ...settings }))
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
