import { readFileSync } from 'node:fs'
import type { Bus } from '@mumega/bus'
import { checkDependency, THIS_PROCESS, withinCheck } from '@mumega/bus/health'
import type { Relay } from '@mumega/bus/relay'
import type { DependencyHealth, HealthStatus, ServiceHealth } from '@mumega/contracts/health'
import { checkDatabase } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import type { Outbox } from '@mumega/db/outbox'
import type { Bridge } from './bridge.ts'
import { countOpenDeadLetters } from './dead-letters/dead-letter-repository.ts'
import { BRIDGE_CONTEXT } from './identity.ts'
import type { KafkaSide } from './kafka/kafka-side.ts'
import type { WaitingAsks } from './messages/waiting-asks.ts'
import type { OwnHeartbeat } from './own-heartbeat.ts'

const OPEN_DEAD_LETTERS_COUNTED_MAX = 10_000
export interface Parts {
  bus: Bus
  relay: Relay
  outbox: Outbox
  asks: WaitingAsks
  heartbeat: OwnHeartbeat
  /** Absent where no Kafka is set. */
  kafka: KafkaSide | undefined
}

/**
 * How the bridge is, by its own look at the database, the bus and its relay, all at once and
 * bounded.
 */
export async function readHealth(bridge: Bridge, parts: Parts): Promise<ServiceHealth> {
  const [database, nats, figures, kafkaFigures] = await Promise.all([
    checkDependency('postgres', () => checkDatabase(bridge.db)),
    checkDependency('nats', () => parts.bus.roundTripMs()),
    withinCheck(readFigures(bridge, parts)).catch(() => ({})),
    withinCheck(parts.kafka?.figures() ?? Promise.resolve({})).catch(() => ({})),
  ])
  const needed = [database, nats, relayHealth(parts.relay)]
  return {
    service: 'bridge',
    version: VERSION,
    process: THIS_PROCESS,
    // Nobody who sends or receives a message here waits for Kafka.
    status: worst(needed),
    dependencies: [...needed, ...(parts.kafka?.health() ?? [])],
    figures: {
      ...figures,
      ...kafkaFigures,
      asksWaiting: parts.asks.count(),
      heartbeatsPublished: parts.heartbeat.published(),
      relayPublished: parts.relay.figures().published,
      relayFailures: parts.relay.figures().failures,
    },
  }
}

/** What cannot be counted is left out: a zero would say that nothing waits. */
async function readFigures(
  { db }: Bridge,
  { outbox }: Parts,
): Promise<{ outboxPending: number; deadLettersOpen: number }> {
  const deadLettersOpen = await readAs(db, BRIDGE_CONTEXT, (trx) =>
    countOpenDeadLetters(trx, OPEN_DEAD_LETTERS_COUNTED_MAX),
  )
  return { outboxPending: await outbox.countPending(), deadLettersOpen }
}

function relayHealth(relay: Relay): DependencyHealth {
  const { lastError } = relay.figures()
  if (lastError === undefined) return { name: 'relay', status: 'ok', latencyMs: 0 }
  const reason = 'accepted events and audit intents wait in the outbox; nothing is lost'
  return { name: 'relay', status: 'failing', reason, latencyMs: 0 }
}

function worst(dependencies: DependencyHealth[]): HealthStatus {
  const statuses = dependencies.map(({ status }) => status)
  if (statuses.includes('failing')) return 'failing'
  return statuses.includes('unknown') ? 'unknown' : 'ok'
}

const VERSION = readVersion()

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  // Our own manifest, which npm refuses without a version.
  return (JSON.parse(text) as { version: string }).version
}
