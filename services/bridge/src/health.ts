import { versionOf } from '@mumega/config/version'
import type { ServiceHealth } from '@mumega/contracts/health'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import type { ServiceParts } from '@mumega/service'
import { lookAtParts, THIS_PROCESS, withinCheck, worstOf } from '@mumega/service/health'
import { countOpenDeadLetters } from './dead-letters/dead-letter-repository.ts'
import { BRIDGE_CONTEXT } from './identity.ts'
import type { KafkaSide } from './kafka/kafka-side.ts'
import type { WaitingAsks } from './messages/waiting-asks.ts'
import type { OwnHeartbeat } from './own-heartbeat.ts'

const OPEN_DEAD_LETTERS_COUNTED_MAX = 10_000

export interface OwnParts {
  readonly asks: WaitingAsks
  readonly heartbeat: OwnHeartbeat
  /** Absent where no Kafka is set. */
  readonly kafka: KafkaSide | undefined
}

/** How the bridge is, by its own look at what it stands on, all at once and bounded. */
export async function readHealth(parts: ServiceParts, own: OwnParts): Promise<ServiceHealth> {
  const { asks, heartbeat, kafka } = own
  // What cannot be counted is left out: a zero would say that nothing waits.
  const [needed, deadLettersOpen, kafkaFigures] = await Promise.all([
    lookAtParts(parts),
    withinCheck(countDeadLetters(parts.db)).catch(() => undefined),
    withinCheck(kafka?.figures() ?? Promise.resolve({})).catch(() => ({})),
  ])
  return {
    service: 'bridge',
    version: VERSION,
    process: THIS_PROCESS,
    // Nobody who sends or receives a message here waits for Kafka.
    status: worstOf(needed.dependencies),
    dependencies: [...needed.dependencies, ...(kafka?.health() ?? [])],
    figures: {
      ...needed.figures,
      ...kafkaFigures,
      ...(deadLettersOpen !== undefined && { deadLettersOpen }),
      asksWaiting: asks.count(),
      heartbeatsPublished: heartbeat.published(),
    },
  }
}

async function countDeadLetters(db: Knex): Promise<number> {
  return readAs(db, BRIDGE_CONTEXT, (trx) =>
    countOpenDeadLetters(trx, OPEN_DEAD_LETTERS_COUNTED_MAX),
  )
}

const VERSION = versionOf(new URL('../../package.json', import.meta.url))
