import type { Bus } from '@mumega/bus'
import {
  checkDependency,
  relayHealth,
  THIS_PROCESS,
  withinCheck,
  worstOf,
} from '@mumega/bus/health'
import type { Relay } from '@mumega/bus/relay'
import { versionOf } from '@mumega/config/version'
import type { ServiceHealth } from '@mumega/contracts/health'
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
    status: worstOf(needed),
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

const VERSION = versionOf(new URL('../../package.json', import.meta.url))
