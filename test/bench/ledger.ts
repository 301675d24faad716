import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { startTestSuite, type TestSuite } from '@mumega/testkit'
import { startShim } from '../interop/hammer.ts'
import { measureCopy } from './copy-limit.ts'
import { percentile, type Bench, type Figure } from './figures.ts'
import { startGround, type Ground } from './ground.ts'
import { hammer, hammerTessera, meanOf, rateOf, type Rate } from './hammered.ts'
import { measureHypercore } from './hypercore-limit.ts'
import { startProducing, type Producing } from './producing.ts'
import { untilRest } from './rest.ts'

const EVENTS = 240_000
const WARM_UP_EVENTS = 20_000
const RATE = 1_000
const RATE_EVENTS = 10_000
const ONE_BY_ONE_EVENTS = 500
const PER_COMMIT = 2_048
// Before the ledger has made an entry: what the first run made them.
const ENTRY_BYTES = 512
// Messages on their way to the stream: as many as a handful of busy services have, each with its
// relay. The packed one is the last, as latency is measured right behind it.
const VARIANTS = [
  { variant: 'single', rounds: 1, packed: 1, inFlight: 256, events: EVENTS / 4 },
  { variant: 'packed-16', rounds: 1, packed: 16, inFlight: 64, events: EVENTS },
  // The bars are for this one, and one burst and one COPY are each off by a quarter at times.
  { variant: 'packed-64', rounds: 5, packed: 64, inFlight: 32, events: EVENTS },
] as const
const BEST = 'packed-64'
const LATENCY_P99_MS_MAX = 100
const ONE_BY_ONE_P50_MS_MAX = 5

type Log = (line: string) => void

/** What others reach on this machine, in this run. */
interface Others {
  readonly tessera: Rate
  readonly antispam: Rate
  readonly hypercore: Rate
}

interface Run {
  readonly ground: Ground
  readonly suite: TestSuite
  readonly admin: Client
  readonly producing: Producing
  readonly log: Log
}

/**
 * Events a second from their publication until they are sealed, durable and announced, beside what
 * others reach in the same run. README.md of this folder says what is alike and what is not. The
 * ledger is the real process on the real configuration of NATS; a second process publishes.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    try {
      // The others before and after, when the ledger is not there: it goes on working behind each
      // burst. And both, as the machine's speed changes from minute to minute.
      const before = await measureOthers(ground, log)
      const { hammered, rates, latencies } = await withSuite(ground, log, measureOurs)
      const after = await measureOthers(ground, log)
      return [...figuresOf(meanOfOthers(before, after), hammered, rates), ...latencies]
    } finally {
      await ground.stop()
    }
  },
}

async function measureOthers({ folder }: Ground, log: Log): Promise<Others> {
  const tessera = await rateOf(() => hammerTessera(folder, { hasAntispam: false }))
  log(`tessera: ${textOf(tessera)}`)
  const antispam = await rateOf(() => hammerTessera(folder, { hasAntispam: true }))
  log(`tessera with antispam: ${textOf(antispam)}`)
  const blocks = { blocks: EVENTS / 2, perBatch: PER_COMMIT, blockBytes: ENTRY_BYTES }
  const hypercore = await rateOf(() =>
    measureHypercore({ ...blocks, folder: mkdtempSync(join(folder, 'hypercore-')) }),
  )
  log(`hypercore: ${textOf(hypercore)}`)
  return { tessera, antispam, hypercore }
}

function meanOfOthers(before: Others, after: Others): Others {
  return {
    tessera: meanOf([before.tessera, after.tessera]),
    antispam: meanOf([before.antispam, after.antispam]),
    hypercore: meanOf([before.hypercore, after.hypercore]),
  }
}

async function measureOurs(run: Run) {
  const hammered = await measureHammered(run)
  const { rates, behind } = await measureRates(run)
  return { hammered, rates, latencies: await measureLatencies(run, behind) }
}

async function withSuite<Result>(
  ground: Ground,
  log: Log,
  work: (run: Run) => Promise<Result>,
): Promise<Result> {
  const suite = await startTestSuite({
    services: ['audit-ledger', 'gateway'],
    env: { gateway: { MUMEGA_RATE_LIMIT_PER_MINUTE: '1000000' } },
    onLine: log,
  })
  const admin = new Client({ connectionString: suite.database.adminUrl })
  try {
    await admin.connect()
    return await work({ ground, suite, admin, producing: startProducing(suite), log })
  } finally {
    await admin.end()
    await suite.stop()
  }
}

async function measureHammered({ suite, admin, producing, log }: Run): Promise<Rate> {
  log('warming up')
  await producing.produce({ events: WARM_UP_EVENTS, packed: 64, inFlight: 32 })
  const rate = await rateOf(() => hammerTwice(suite, producing.nextNumber()))
  log(`ours by the hammer: ${textOf(rate)}`)
  await untilRest(admin)
  producing.goOnAt(await nextNumberOf(admin))
  return rate
}

async function hammerTwice(suite: TestSuite, firstNumber: number): Promise<number> {
  const shim = await startShim(suite, firstNumber)
  try {
    return ((await hammer(shim)) + (await hammer(shim))) / 2
  } finally {
    await shim.stop()
  }
}

interface BusRate {
  readonly variant: string
  readonly value: number
  /** The mean of what COPY reached before and after. */
  readonly copy: number
}

/** Each way of feeding, and latencies while the ledger still works behind the last burst. */
async function measureRates(run: Run): Promise<{ rates: BusRate[]; behind: number[] }> {
  const { ground, admin, producing, log } = run
  const entryBytes = await entryBytesOf(admin)
  log(`entries are ${entryBytes} bytes`)
  const copy = () =>
    measureCopy(ground.adminUrl, { rows: EVENTS, perCommit: PER_COMMIT, entryBytes })
  const rates: BusRate[] = []
  let behind: number[] = []
  let before = await copy()
  for (const { variant, rounds, ...production } of VARIANTS) {
    // COPY beside each round, as the machine's speed changes from minute to minute, and at rest:
    // the ledger's search index is filled behind the burst. Neither writes what the other left.
    const taken: BusRate[] = []
    for (let round = 1; round <= rounds; round += 1) {
      await admin.query('checkpoint')
      const { seconds } = await producing.produce(production)
      if (variant === BEST && round === rounds) behind = await latenciesAtRate(run)
      await untilRest(admin)
      const after = await copy()
      const value = production.events / seconds
      taken.push({ variant, value, copy: (before + after) / 2 })
      log(`${variant}: ${textOf(value)}; copy ${textOf(before)}, ${textOf(after)}`)
      before = after
    }
    rates.push(medianOf(taken))
  }
  return { rates, behind }
}

/** The round whose ratio is the middle one. */
function medianOf(rounds: readonly BusRate[]): BusRate {
  const sorted = [...rounds].sort((one, other) => one.value / one.copy - other.value / other.copy)
  const median = sorted[Math.floor(sorted.length / 2)]
  if (median === undefined) throw new Error('no round was measured')
  return median
}

async function latenciesAtRate({ producing }: Run): Promise<number[]> {
  const order = { events: RATE_EVENTS, packed: 1, inFlight: 256, rate: RATE }
  return (await producing.produce(order)).latencies
}

async function measureLatencies(run: Run, behind: readonly number[]): Promise<Figure[]> {
  await run.admin.query('checkpoint')
  const atRest = await latenciesAtRate(run)
  const order = { events: ONE_BY_ONE_EVENTS, packed: 1, inFlight: 1, isOneAtATime: true }
  const oneByOne = (await run.producing.produce(order)).latencies
  const valueMax = LATENCY_P99_MS_MAX
  return [
    latency('p50', behind, { variant: 'at-1000-per-s-behind-a-burst' }),
    latency('p99', behind, { variant: 'at-1000-per-s-behind-a-burst', valueMax }),
    latency('p50', atRest, { variant: 'at-1000-per-s' }),
    latency('p99', atRest, { variant: 'at-1000-per-s', valueMax }),
    latency('p50', oneByOne, { variant: 'one-at-a-time', valueMax: ONE_BY_ONE_P50_MS_MAX }),
  ]
}

function latency(
  name: 'p50' | 'p99',
  latencies: readonly number[],
  more: { variant: string; valueMax?: number },
): Figure {
  const value = percentile(latencies, name === 'p50' ? 0.5 : 0.99)
  return { bench: 'ledger', figure: `latency_${name}`, unit: 'ms', value, ...more }
}

interface Compared {
  readonly variant: string
  readonly value: Rate
  readonly against: string
  readonly other: Rate
  readonly ratioMin?: number
}

function figuresOf(others: Others, hammered: Rate, rates: readonly BusRate[]): Figure[] {
  const overBus = rates.flatMap(({ variant, value, copy }) => [
    compared({ variant, value, against: 'copy', other: copy, ...barOf(variant, 0.7) }),
    compared({
      ...{ variant, value, against: 'tessera-antispam', other: others.antispam },
      ...barOf(variant, 2),
    }),
    compared({ variant, value, against: 'tessera', other: others.tessera }),
    compared({ variant, value, against: 'hypercore', other: others.hypercore }),
  ])
  const byHammer = { variant: 'hammer', value: hammered }
  return [
    ...overBus,
    compared({ ...byHammer, against: 'tessera', other: others.tessera, ratioMin: 0.7 }),
    compared({ ...byHammer, against: 'tessera-antispam', other: others.antispam }),
  ]
}

/** The bars are for producers with a relay, which packs what waits. */
function barOf(variant: string, ratioMin: number): { ratioMin?: number } {
  return variant === BEST ? { ratioMin } : {}
}

function compared({ variant, value, against, other, ratioMin }: Compared): Figure {
  const named = { bench: 'ledger', figure: 'events_per_s', unit: '1/s', variant, against }
  if (typeof value !== 'number') return { ...named, ...value }
  if (typeof other !== 'number') return { ...named, ...other }
  return { ...named, value, againstValue: other, ...(ratioMin !== undefined && { ratioMin }) }
}

function textOf(rate: Rate): string {
  return typeof rate === 'number' ? `${Math.round(rate)}/s` : `skipped, ${rate.skipped}`
}

async function entryBytesOf(admin: Client): Promise<number> {
  const { rows } = await admin.query<{ bytes: string }>(
    'select sum(octet_length(entries)) / sum(count) - 2 as bytes from audit_ledger.event_batches',
  )
  return Math.round(Number(rows[0]?.bytes))
}

async function nextNumberOf(admin: Client): Promise<number> {
  const { rows } = await admin.query<{ last: string }>(
    `select max(number) as last from audit_ledger.event_keys where source = 'bridge'`,
  )
  return Number(rows[0]?.last) + 1
}
