import { setTimeout as pause } from 'node:timers/promises'
import { jetstream } from '@nats-io/jetstream'
import { v7 as uuidv7 } from 'uuid'
import { connectBus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { entriesSealed } from '@mumega/contracts/audit-ledger'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { percentile, type Bench, type Figure } from './figures.ts'
import { startGround } from './ground.ts'

const LEASE_MS = 2_000
const ROUNDS = 7
const STEADY_MS = 1_500
const EVERY_MS = 5

// How the leader goes, and what it is called in the figures.
const WAYS = [
  { variant: 'killed', signal: 'SIGKILL' },
  { variant: 'stopped-in-order', signal: 'SIGTERM' },
  { variant: 'standing-still', signal: 'SIGSTOP' },
] as const

/**
 * Milliseconds from the end of a leading ledger until something that was published after it is
 * sealed by the other, and until all is that had been published by then, beside the length of the
 * lease. 200 messages a second are published all the while.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    const suite = await startTestSuite({
      services: ['audit-ledger'],
      env: { 'audit-ledger': { LEDGER_LEASE_MS: String(LEASE_MS), LOG_LEVEL: 'fatal' } },
    })
    const load = await startLoad(suite)
    try {
      const figures: Figure[] = []
      let leader: { pid: number } = { pid: suite.pid('audit-ledger') }
      for (const { variant, signal } of WAYS) {
        const failovers: number[] = []
        const wholes: number[] = []
        for (let round = 0; round < ROUNDS; round += 1) {
          const standby = await suite.another('audit-ledger')
          await pause(STEADY_MS)
          const sentMs = performance.now()
          process.kill(leader.pid, signal)
          failovers.push((await load.sealedAfter(sentMs)) - sentMs)
          wholes.push((await load.allSealedBefore(sentMs)) - sentMs)
          const [next, all] = [failovers.at(-1) ?? 0, wholes.at(-1) ?? 0]
          log(`${variant}: ${Math.round(next)} ms, all before it ${Math.round(all)} ms`)
          if (signal === 'SIGSTOP') process.kill(leader.pid, 'SIGKILL')
          leader = standby
        }
        const against = { against: 'lease', againstValue: LEASE_MS }
        const named = { bench: 'failover', unit: 'ms', variant, ...against }
        figures.push({ ...named, figure: 'failover_p50', value: percentile(failovers, 0.5) })
        figures.push({ ...named, figure: 'failover_max', value: Math.max(...failovers) })
        figures.push({ ...named, figure: 'all_sealed_p50', value: percentile(wholes, 0.5) })
        figures.push({ ...named, figure: 'all_sealed_max', value: Math.max(...wholes) })
      }
      return figures
    } finally {
      await load.stop()
      await suite.stop()
      await ground.stop()
    }
  },
}

/** Publishes one intent after the other, and hears when each is sealed. */
async function startLoad(suite: TestSuite) {
  const bridge = await suite.bus('bridge')
  const admin = await connectBus({
    natsUrl: suite.nats.url,
    nkeySeed: suite.nats.adminSeed,
    service: 'admin',
    clock: systemClock,
  })
  const publishedAt = new Map<string, number>()
  const sealed: { publishedMs: number; sealedMs: number }[] = []
  admin.hear(entriesSealed, ({ entries }) => {
    for (const { id } of entries) {
      const publishedMs = publishedAt.get(id)
      if (publishedMs !== undefined) sealed.push({ publishedMs, sealedMs: performance.now() })
      publishedAt.delete(id)
    }
  })
  const stopping = new AbortController()
  const stream = jetstream(bridge.connection)

  async function run(): Promise<void> {
    for (let number = 1; !stopping.signal.aborted; number += 1) {
      const intent = intentOf(number)
      publishedAt.set(intent.id, performance.now())
      const bytes = JSON.stringify({ intents: [intent] })
      await stream.publish('aud.bridge.v1.append', bytes, { msgID: intent.id })
      await pause(EVERY_MS)
    }
  }

  const running = run()
  return {
    /** When the first entry was sealed whose intent was published after `ms`. */
    sealedAfter: (ms: number) =>
      eventually(
        () => Promise.resolve(sealed.find(({ publishedMs }) => publishedMs > ms)?.sealedMs),
        { what: 'an entry of the next leader', timeoutMs: 30_000 },
      ),
    /** When the last of those was sealed that were published by then; no earlier than then. */
    async allSealedBefore(ms: number): Promise<number> {
      const isOpen = () => [...publishedAt.values()].some((atMs) => atMs <= ms)
      await eventually(() => Promise.resolve(!isOpen()), {
        what: 'what the former leader held',
        timeoutMs: 30_000,
      })
      const before = sealed.filter(({ publishedMs }) => publishedMs <= ms)
      return Math.max(ms, ...before.map(({ sealedMs }) => sealedMs))
    },
    async stop() {
      stopping.abort()
      await running
      await admin.drain()
    },
  }
}

function intentOf(number: number) {
  return {
    id: uuidv7(),
    number,
    chain: 'acme',
    time: new Date().toISOString(),
    actor: { id: 'agent:writer', kind: 'agent' },
    action: 'message.accepted',
    target: `message:${number}`,
    phase: 'fact',
    payload: { text: 'hello' },
  }
}
