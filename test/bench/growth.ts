import { writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import { append, getChainHead, getCheckpoint, getReceipt } from '@mumega/contracts/audit-ledger'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { measureCopy } from './copy-limit.ts'
import { percentile, RESULTS, type Bench, type Figure } from './figures.ts'
import { startGround } from './ground.ts'
import { plotOf, reportOf } from './growth-report.ts'
import { startProducing, type Producing } from './producing.ts'
import { untilRest } from './rest.ts'

const SIZES = [10_000, 100_000, 1_000_000] as const
const WARM_UP_EVENTS = 10_000
const BURST_EVENTS = 20_000
const BURSTS = 3
const COPIES = 60_000
// The producer has all of an order in memory.
const ORDER_EVENTS_MAX = 100_000
const RECEIPTS = 300
const CHECKPOINTS = 30
const STARTS = 5
// A checkpoint is signed at most each 200 ms: the next one is asked for when that is over.
const BETWEEN_CHECKPOINTS_MS = 300
const LOOK_MS = 2
const LOOKS_MAX = 2_000
/** Against the smallest log: append and receipt may not slow down by more than a fifth. */
const SLOWER_MAX = 1.2

const ITSELF: { context: CallContext } = {
  context: { tenantId: SUBSTRATE, actor: { id: 'service:gateway', kind: 'service' } },
}

interface Grown {
  readonly suite: TestSuite
  readonly adminUrl: string
  readonly admin: Client
  readonly producing: Producing
  readonly bus: Bus
}

/** What it costs at one size. Times in ms. */
export interface Cost {
  readonly size: number
  readonly appendsPerSecond: number
  /** What COPY reached beside it, into a table of its own that is always as small. */
  readonly copiesPerSecond: number
  readonly receiptMs: number
  /** What `get-chain-head` took, asked in turn with the receipts: one row by its key. */
  readonly headMs: number
  readonly checkpointMs: number
  readonly startMs: number
  readonly bytesPerEvent: number
  /** Without the search index. */
  readonly logBytesPerEvent: number
}

/**
 * What the ledger costs as it grows: at each size, when it is at rest, receipts of random events,
 * the time from an entry to a signature over it, the time from the start of a process until it
 * leads and serves, and what the disk holds; then how fast it takes more. With every guard on.
 * The newest run is in results/growth.md, with its plot.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    const suite = await startTestSuite({ services: ['audit-ledger'], onLine: log })
    const admin = new Client({ connectionString: suite.database.adminUrl })
    try {
      await admin.connect()
      const producing = startProducing(suite)
      const bus = await suite.bus('gateway')
      const grown = { suite, adminUrl: ground.adminUrl, admin, producing, bus }
      const costs: Cost[] = []
      for (const size of SIZES) {
        costs.push(await costAt(grown, size))
        log(JSON.stringify(costs.at(-1)))
      }
      writeFileSync(`${RESULTS}growth.svg`, plotOf(costs))
      writeFileSync(`${RESULTS}growth.md`, reportOf(costs, new Date()))
      return costs.flatMap((cost) => figuresOf(cost, costs[0] ?? cost))
    } finally {
      await admin.end()
      await suite.stop()
      await ground.stop()
    }
  },
}

async function costAt(grown: Grown, size: number): Promise<Cost> {
  const { admin, adminUrl, producing } = grown
  for (let missing = size - (await sizeOf(admin)); missing > 0;) {
    const events = Math.min(missing, ORDER_EVENTS_MAX)
    missing -= events
    await producing.produce({ events, packed: 64, inFlight: 32 })
  }
  await untilRest(admin)
  const bytes = await bytesOf(admin)
  const cost = {
    size,
    ...(await timeReceipts(grown)),
    checkpointMs: percentile(await timeCheckpoints(grown), 0.5),
    startMs: percentile(await timeStarts(grown), 0.5),
    bytesPerEvent: bytes.all / size,
    logBytesPerEvent: bytes.log / size,
  }
  const copy = { rows: COPIES, perCommit: 2_048, entryBytes: 500 }
  const before = await measureCopy(adminUrl, copy)
  const appendsPerSecond = await timeAppends(producing)
  await untilRest(admin)
  const after = await measureCopy(adminUrl, copy)
  return { ...cost, appendsPerSecond, copiesPerSecond: (before + after) / 2 }
}

/**
 * From `size` on. The process was just started, at each size: the first burst warms it up. The
 * median, as PostgreSQL's own checkpoints fall into one burst or another.
 */
async function timeAppends(producing: Producing): Promise<number> {
  await producing.produce({ events: WARM_UP_EVENTS, packed: 64, inFlight: 32 })
  const rates: number[] = []
  for (let burst = 0; burst < BURSTS; burst += 1) {
    const order = { events: BURST_EVENTS, packed: 64, inFlight: 32 }
    rates.push(BURST_EVENTS / (await producing.produce(order)).seconds)
  }
  return percentile(rates, 0.5)
}

/** Of random events, one after the other, as the gateway asks for them. */
async function timeReceipts({ admin, bus }: Grown): Promise<Pick<Cost, 'receiptMs' | 'headMs'>> {
  const size = await sizeOf(admin)
  const places = Array.from({ length: RECEIPTS }, () => Math.floor(Math.random() * size))
  const { rows } = await admin.query<{ source: string; id: string; chain: string }>(
    `select source, id, chain from audit_ledger.entry_index where log_index = any ($1)`,
    [places],
  )
  const receipts: number[] = []
  const heads: number[] = []
  for (const { source, id, chain } of rows) {
    const wanted = { source, id, waitMs: 0, disclose: false }
    const sinceMs = performance.now()
    const { anchored } = await bus.request(getReceipt, wanted, ITSELF)
    const untilMs = performance.now()
    if (!anchored) throw new Error('a receipt of an old entry is not anchored')
    await bus.request(getChainHead, { chain }, ITSELF)
    receipts.push(untilMs - sinceMs)
    heads.push(performance.now() - untilMs)
  }
  return { receiptMs: percentile(receipts, 0.5), headMs: percentile(heads, 0.5) }
}

/** From the moment that one more entry is sealed until a checkpoint covers it. */
async function timeCheckpoints({ bus }: Grown): Promise<number[]> {
  const times: number[] = []
  for (let nth = 0; nth < CHECKPOINTS; nth += 1) {
    await pause(BETWEEN_CHECKPOINTS_MS)
    const { index } = await bus.request(append, { source: 'gateway', intent: nextIntent() }, ITSELF)
    const sinceMs = performance.now()
    await untilSigned(bus, index + 1)
    times.push(performance.now() - sinceMs)
  }
  return times
}

async function untilSigned(bus: Bus, size: number): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const { note } = await bus.request(getCheckpoint, {}, ITSELF)
    if (Number(note?.split('\n')[1]) >= size) return
    await pause(LOOK_MS)
  }
  throw new Error(`no checkpoint covers ${size} entries`)
}

/** From the start of a process on the grown database until it leads and answers. */
async function timeStarts({ suite, bus }: Grown): Promise<number[]> {
  const times: number[] = []
  for (let nth = 0; nth < STARTS; nth += 1) {
    // In order, so that it gives its lease back and the next one need not wait for its end.
    const pid = suite.pid('audit-ledger')
    process.kill(pid, 'SIGTERM')
    await eventually(() => Promise.resolve(!isAlive(pid)), { what: 'the ledger has ended' })
    const sinceMs = performance.now()
    const starting = suite.restart('audit-ledger')
    await eventually(async () => (await bus.request(getCheckpoint, {}, ITSELF)).note, {
      what: 'the ledger leads',
      timeoutMs: 60_000,
    })
    times.push(performance.now() - sinceMs)
    await starting
  }
  return times
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

let number = 0

function nextIntent() {
  number += 1
  return {
    id: uuidv7(),
    number,
    chain: SUBSTRATE,
    time: new Date().toISOString(),
    actor: { id: 'service:gateway', kind: 'service' as const },
    action: 'bench.grown',
    target: `bench:${number}`,
    phase: 'fact' as const,
    payload: {},
  }
}

async function sizeOf(admin: Client): Promise<number> {
  const { rows } = await admin.query<{ size: string }>('select size from audit_ledger.log_head')
  return Number(rows[0]?.size)
}

/** What the ledger's tables and their indexes hold on disk; `log` is without the search index. */
async function bytesOf(admin: Client): Promise<{ all: number; log: number }> {
  const { rows } = await admin.query<{ all: string; index: string }>(
    `select sum(pg_total_relation_size(class.oid)) as all,
            sum(pg_total_relation_size(class.oid)) filter (where relname = 'entry_index') as index
       from pg_class class
      where relnamespace = 'audit_ledger'::regnamespace and relkind = 'r'`,
  )
  const [row] = rows
  return { all: Number(row?.all), log: Number(row?.all) - Number(row?.index) }
}

/**
 * The bars hold the ratio to what was measured beside it against the same ratio of the smallest
 * log: from the first size to the last minutes pass, in which the machine's speed changes.
 */
function figuresOf(cost: Cost, first: Cost): Figure[] {
  const named = { bench: 'growth', variant: `at-${cost.size}` }
  const ms = { ...named, unit: 'ms' }
  return [
    {
      ...{ ...named, figure: 'appends_per_s', unit: '1/s', value: cost.appendsPerSecond },
      ...{ against: 'copy', againstValue: cost.copiesPerSecond },
      ratioMin: first.appendsPerSecond / first.copiesPerSecond / SLOWER_MAX,
    },
    {
      ...{ ...ms, figure: 'receipt_p50', value: cost.receiptMs },
      ...{ against: 'chain-head', againstValue: cost.headMs },
      ratioMax: (first.receiptMs / first.headMs) * SLOWER_MAX,
    },
    { ...ms, figure: 'checkpoint_p50', value: cost.checkpointMs },
    { ...ms, figure: 'start_p50', value: cost.startMs },
    { ...named, figure: 'bytes_per_event', unit: 'B', value: cost.bytesPerEvent },
    { ...named, figure: 'log_bytes_per_event', unit: 'B', value: cost.logBytesPerEvent },
  ]
}
