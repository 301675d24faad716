import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstream } from '@nats-io/jetstream'
import { Client, type QueryResultRow } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { connectBus, type Bus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import type { AuditIntent, SealedEntry } from '@mumega/contracts/audit'
import { listDrops } from '@mumega/contracts/audit-findings'
import { entriesSealed, getCheckpoint, getReceipt } from '@mumega/contracts/audit-ledger'
import { findFigure } from '@mumega/contracts/figures'
import { healthOf, type ServiceHealth } from '@mumega/contracts/health'
import type { ReplyOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { eventually, startTestDatabase, startTestNats } from '@mumega/testkit'
import type { Config } from '../src/config.ts'
import { openConnection } from '../src/connection.ts'
import { isRefusal, prepareIntent } from '../src/sealing/intent.ts'
import type { SealOutcome } from '../src/sealing/seal-request.ts'
import { startSealer, type Sealer } from '../src/sealing/sealer.ts'
import { start } from '../src/service.ts'

/** A ledger of its own on a fresh database and its own nats-server. */
export interface TestLedger {
  readonly config: Config
  readonly adminUrl: string
  readonly natsPid: number
  /** A service's own connection to the bus; closed by `stop()`. */
  bus(service: string): Promise<Bus>
  /** A connection that may hear everything; closed by `stop()`. */
  adminBus(): Promise<Bus>
  /** Starts the ledger in this process, again after `rest()`. */
  run(): Promise<void>
  /** Ends the ledger, and leaves what it wrote. */
  rest(): Promise<void>
  pool(): Knex
  /**
   * As the cluster's administrator, with every guard of the owner and none of row-level security.
   */
  sql<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  killNats(): Promise<void>
  restartNats(): Promise<void>
  stop(): Promise<void>
}

export const OPERATOR: CallContext = {
  tenantId: SUBSTRATE,
  actor: { id: 'operator:test', kind: 'human' },
}

/** A running ledger, or one that waits for `run()`. */
export async function givenLedger({
  isRunning = true,
  settings = {},
}: { isRunning?: boolean; settings?: Partial<Config> } = {}): Promise<TestLedger> {
  const [database, nats] = await Promise.all([startTestDatabase(['audit-ledger']), startTestNats()])
  const folder = mkdtempSync(join(tmpdir(), 'mumega-ledger-'))
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600 })
  const config: Config = {
    DATABASE_URL: database.urlOf('audit-ledger'),
    NATS_URL: nats.url,
    NATS_NKEY_SEED: nats.seedOf('audit-ledger'),
    LEDGER_ORIGIN: 'localhost/test',
    LEDGER_KEY_FILE: keyFile,
    // Tests hold the head's row for seconds, and with it the lease.
    LEDGER_LEASE_MS: 60_000,
    LOG_LEVEL: 'silent',
    LEDGER_SCRUB_ENTRIES_PER_SECOND: 1_000_000,
    // Never: what other tests alter is theirs to find. Tests of the scrubber want it at once.
    LEDGER_SCRUB_DELAY_MS: 86_400_000,
    LEDGER_SCRUB_PASS_MS_MIN: 86_400_000,
    LEDGER_GAP_MS: 86_400_000,
    LEDGER_OUTCOME_MS: 86_400_000,
    MUMEGA_TIME_SCALE: 1,
    MUMEGA_TIME_ORIGIN_MS: 0,
    ...settings,
  }
  const buses: Bus[] = []
  let running: { stop: () => Promise<void> } | undefined
  const admin = new Client({ connectionString: database.adminUrl })
  await admin.connect()
  await admin.query('set search_path = audit_ledger')

  async function connectAs(service: string, nkeySeed: string): Promise<Bus> {
    const bus = await connectBus({ natsUrl: nats.url, nkeySeed, service, clock: systemClock })
    buses.push(bus)
    return bus
  }

  const ledger: TestLedger = {
    config,
    adminUrl: database.adminUrl,
    natsPid: nats.pid,
    bus: (service) => connectAs(service, nats.seedOf(service)),
    adminBus: () => connectAs('admin', nats.adminSeed),
    async run() {
      running = await start(config)
    },
    async rest() {
      await running?.stop()
      running = undefined
    },
    pool: () => database.open('audit-ledger'),
    async sql<Row extends QueryResultRow>(text: string, values: unknown[] = []) {
      return (await admin.query<Row>(text, values)).rows
    },
    killNats: () => nats.kill(),
    restartNats: () => nats.restart(),
    async stop() {
      await Promise.all(buses.map((bus) => bus.drain()))
      await ledger.rest()
      await admin.end()
      await database.drop()
      await nats.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  if (isRunning) await ledger.run()
  return ledger
}

let numbers = 0

/** A good intent; each call makes another event. */
export function anIntent(fields: Partial<AuditIntent> = {}): AuditIntent {
  numbers += 1
  return {
    id: uuidv7(),
    number: numbers,
    chain: 'acme',
    time: '2026-11-21T08:00:00.000Z',
    actor: { id: 'agent:writer', kind: 'agent' },
    action: 'message.accepted',
    target: 'message:1',
    phase: 'fact',
    payload: { text: 'hello' },
    ...fields,
  }
}

/** Publishes intents as the relay does, without its check, so that bad ones go out too. */
export async function publishIntents(bus: Bus, intents: readonly unknown[]): Promise<void> {
  await publishBytes(bus, JSON.stringify({ intents }))
}

export async function publishBytes(bus: Bus, bytes: string | Uint8Array): Promise<void> {
  await jetstream(bus.connection).publish(`aud.${bus.service}.v1.append`, bytes)
}

/**
 * Entries in the order of the log, as the database holds them; from its own rows, not from the
 * ledger's answers.
 */
export async function sealedKeys(
  ledger: TestLedger,
): Promise<{ source: string; id: string; chain: string; seq: number; index: number }[]> {
  const rows = await ledger.sql<{
    source: string
    id: string
    chain: string
    seq: string
    log_index: string
  }>('select source, id, chain, seq, log_index from event_keys order by log_index')
  return rows.map(({ seq, log_index, ...row }) => ({
    ...row,
    seq: Number(seq),
    index: Number(log_index),
  }))
}

/** Waits until the log has exactly `count` entries or more. */
export async function untilSealed(ledger: TestLedger, count: number) {
  return eventually(
    async () => {
      const keys = await sealedKeys(ledger)
      return keys.length >= count && keys
    },
    { what: `${count} sealed entries` },
  )
}

/** The drop-records, once there are as many. */
export async function untilDropped(bus: Bus, count: number) {
  return eventually(
    async () => {
      const { drops } = await bus.request(listDrops, { limit: 200 }, { context: OPERATOR })
      return drops.length >= count && drops
    },
    { what: `${count} drop-records` },
  )
}

export async function receiptOf(
  bus: Bus,
  event: { source: string; id: string; disclose?: boolean; waitMs?: number },
  context: CallContext = OPERATOR,
): Promise<ReplyOf<typeof getReceipt>> {
  const { source, id, disclose = false, waitMs = 3_000 } = event
  return bus.request(getReceipt, { source, id, disclose, waitMs }, { context })
}

export async function checkpointOf(bus: Bus): Promise<ReplyOf<typeof getCheckpoint>> {
  return bus.request(getCheckpoint, {}, { context: OPERATOR })
}

export async function healthOfLedger(bus: Bus): Promise<ServiceHealth> {
  const health = await bus.request(healthOf('audit-ledger'), {}, { context: OPERATOR })
  // Else it would be missing from the metrics.
  for (const name of Object.keys(health.figures)) {
    if (findFigure('audit-ledger', name) === undefined) throw new Error(`${name} is not declared`)
  }
  return health
}

/** Another sealer over the same log, under the epoch that holds when it is made. */
export async function givenSealer(ledger: TestLedger): Promise<{
  sealer: Sealer
  seal(intent: AuditIntent): Promise<SealOutcome>
  close(): Promise<void>
}> {
  const [head] = await ledger.sql<{ epoch: string }>('select epoch from log_head')
  const connection = openConnection(ledger.config.DATABASE_URL, { isPipelined: true })
  const sealer = startSealer(connection, Number(head?.epoch))
  await sealer.load()
  return {
    sealer,
    seal(asked) {
      const intent = prepareIntent('bridge', asked)
      if (isRefusal(intent)) throw new Error(intent.kind)
      return new Promise((settle) => {
        sealer.submit({ intent, mayBeKnown: false, submittedMs: performance.now(), settle })
      })
    },
    async close() {
      await sealer.stop()
      await connection.close()
    },
  }
}

/**
 * Tells a commit from the lease and the signature, which wait for the same row. Until a statement
 * is executed, PostgreSQL shows the one before it: so by what its connection does at all.
 */
export const OF_THE_COMMIT = `query !~ '^update log_head|checkpoints|^copy '`

/** Resolves when a commit waits for a lock in the ledger's database. */
export async function untilCommitWaits(ledger: TestLedger): Promise<void> {
  await eventually(
    async () => {
      const waiting = await ledger.sql(
        `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
            and ${OF_THE_COMMIT}`,
      )
      return waiting.length > 0
    },
    { what: 'a commit that waits for a lock' },
  )
}

/** Hears what is announced from now on. */
export function hearSealed(bus: Bus): SealedEntry[] {
  const heard: SealedEntry[] = []
  bus.hear(entriesSealed, ({ entries }) => {
    heard.push(...entries)
  })
  return heard
}
