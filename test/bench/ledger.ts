import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { startTestSuite, type TestSuite } from '@mumega/testkit'
import { measureCopy } from './copy-limit.ts'
import { percentile, type Bench, type Figure } from './figures.ts'
import { startGround } from './ground.ts'
import type { ProducerOrder, ProducerReport } from './ledger-producer.ts'

const EVENTS = 240_000
const WARM_UP_EVENTS = 20_000
const RATE = 1_000
const RATE_EVENTS = 10_000
const ONE_BY_ONE_EVENTS = 500
// Messages on their way to the stream: as many as a handful of busy services have, each with its
// relay.
const VARIANTS = [
  { variant: 'packed-64', packed: 64, inFlight: 32, events: EVENTS },
  { variant: 'packed-16', packed: 16, inFlight: 64, events: EVENTS },
  { variant: 'single', packed: 1, inFlight: 256, events: EVENTS / 4 },
] as const

/**
 * Events a second from their publication until they are sealed, durable and announced, beside the
 * limit: the same rows by COPY. The ledger is the real process on the real configuration of NATS; a
 * second process publishes.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    const suite = await startTestSuite({ services: ['audit-ledger'], onLine: log })
    try {
      log('warming up')
      await produce(suite, { events: WARM_UP_EVENTS, packed: 64, inFlight: 32 })
      const entryBytes = await entryBytesOf(suite)
      log(`entries are ${entryBytes} bytes`)
      const copy = { rows: EVENTS / 2, perCommit: 2_048, entryBytes }
      const figures: Figure[] = []
      for (const { variant, ...order } of VARIANTS) {
        // Beside each variant, as the machine's speed changes from minute to minute.
        const before = await measureCopy(ground.adminUrl, copy)
        const { seconds } = await produce(suite, order)
        const after = await measureCopy(ground.adminUrl, copy)
        const value = order.events / seconds
        const againstValue = (before + after) / 2
        figures.push({
          ...named('events_per_s', value, '1/s'),
          variant,
          against: 'copy',
          againstValue,
        })
        log(
          `${variant}: ${Math.round(value)}/s; copy ${Math.round(before)}, ${Math.round(after)}/s`,
        )
      }
      const atRate = { events: RATE_EVENTS, packed: 1, inFlight: 256, rate: RATE }
      const { latencies } = await produce(suite, atRate)
      const variant = 'at-1000-per-s'
      figures.push({ ...named('latency_p50', percentile(latencies, 0.5), 'ms'), variant })
      figures.push({ ...named('latency_p99', percentile(latencies, 0.99), 'ms'), variant })
      const alone = { events: ONE_BY_ONE_EVENTS, packed: 1, inFlight: 1, isOneAtATime: true }
      const oneByOne = await produce(suite, alone)
      const p50 = percentile(oneByOne.latencies, 0.5)
      figures.push({ ...named('latency_p50', p50, 'ms'), variant: 'one-at-a-time' })
      return figures
    } finally {
      await suite.stop()
      await ground.stop()
    }
  },
}

function named(figure: string, value: number, unit: string) {
  return { bench: 'ledger', figure, value, unit }
}

/** Runs one order in a process of its own. Throws when it fails. */
async function produce(
  suite: TestSuite,
  order: Omit<ProducerOrder, 'natsUrl' | 'bridgeSeed' | 'adminSeed'>,
): Promise<ProducerReport> {
  const child = fork(fileURLToPath(new URL('./ledger-producer.js', import.meta.url)))
  const { nats } = suite
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => {
      reject(new Error(`the producer ended with ${code} and no report`))
    })
    const full: ProducerOrder = {
      ...order,
      natsUrl: nats.url,
      bridgeSeed: nats.seedOf('bridge'),
      adminSeed: nats.adminSeed,
    }
    child.send(full)
  })
}

async function entryBytesOf(suite: TestSuite): Promise<number> {
  const client = new Client({ connectionString: suite.database.adminUrl })
  await client.connect()
  const answer = await client.query<{ bytes: string }>(
    'select sum(octet_length(entries)) / sum(count) - 2 as bytes from audit_ledger.event_batches',
  )
  await client.end()
  return Math.round(Number(answer.rows[0]?.bytes))
}
