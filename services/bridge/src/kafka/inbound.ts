import { setTimeout as pause } from 'node:timers/promises'
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import { logger } from '@mumega/telemetry'
import { isAbsence } from './absent-topics.ts'
import { ownValues } from './inbound-record.ts'
import type { KafkaParts } from './parts.ts'
import { takeRecord } from './take-record.ts'

export interface Inbound {
  /** Takes nothing more, ends the record under way, commits and leaves the group. */
  stop(): Promise<void>
}

/** What is fetched and not yet taken: the rest stays in Kafka. */
const FETCH = {
  maxBytes: 4_194_304,
  maxBytesPerPartition: 1_048_576,
  maxWaitTimeInMs: 500,
} as const
/** How soon the others take over what a killed bridge had. */
const GROUP = {
  sessionTimeout: 10_000,
  heartbeatInterval: 2_000,
  rebalanceTimeout: 20_000,
} as const
const PARTITIONS_AT_ONCE = 3
const REJOIN_MS = { first: 500, longest: 10_000 }
const HELD_UP_MS = 1_000
const CLOSE_MS_MAX = 5_000

/**
 * Consumes the inbound topic as one of the bridges' group, for as long as it is not stopped. An
 * offset is committed only after its record is a message or a dead letter.
 */
export function startInbound(kafka: Kafka, parts: KafkaParts): Inbound {
  const stopping = new AbortController()
  const running = consume(kafka, parts, stopping.signal)
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}

async function consume(kafka: Kafka, parts: KafkaParts, signal: AbortSignal): Promise<void> {
  const log = logger('bridge')
  for (let failures = 0; !signal.aborted;) {
    const joined = await consumeUntilItFails(kafka, parts, signal).catch((error: unknown) => {
      tellLeft(parts, error)
      log.warn({ error, failures }, 'kafka-consumer-failed')
      return false
    })
    failures = joined ? 0 : failures + 1
    const restMs = Math.min(REJOIN_MS.first * 2 ** failures, REJOIN_MS.longest)
    await pause(restMs, undefined, { signal }).catch(() => undefined)
  }
}

function tellLeft({ figures, config }: KafkaParts, error: unknown): void {
  figures.left(error, isAbsence(error) ? config.KAFKA_INBOUND_TOPIC : undefined)
}

/** Whether it had joined before it failed or was stopped. @throws why it could not even join */
async function consumeUntilItFails(
  kafka: Kafka,
  parts: KafkaParts,
  signal: AbortSignal,
): Promise<boolean> {
  const { config, figures } = parts
  const consumer = kafka.consumer({
    groupId: config.KAFKA_GROUP_ID,
    ...FETCH,
    ...GROUP,
    // A consumer that failed is made anew here, where it is seen and told.
    retry: { restartOnFailure: () => Promise.resolve(false) },
  })
  let hasJoined = false
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    hasJoined = true
    figures.joined(payload.memberAssignment[config.KAFKA_INBOUND_TOPIC] ?? [])
  })
  const over = new AbortController()
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      resolve()
    }
    signal.addEventListener('abort', end, { signal: over.signal })
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      tellLeft(parts, payload.error)
      resolve()
    })
  })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [config.KAFKA_INBOUND_TOPIC], fromBeginning: true })
    await consumer.run({
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      eachBatch: (batch) => takeBatch(parts, batch, signal),
    })
    await ended
    return hasJoined
  } finally {
    over.abort()
    await leave(consumer)
  }
}

/**
 * Takes the records of a partition one after the other: their order is kept. When one can be
 * neither taken nor given up now, the partition rests and is fetched again from there; the others
 * go on.
 */
async function takeBatch(
  parts: KafkaParts,
  { batch, resolveOffset, heartbeat, isRunning, isStale, pause: rest }: EachBatchPayload,
  signal: AbortSignal,
): Promise<void> {
  const { topic, partition, highWatermark } = batch
  for (const message of batch.messages) {
    if (signal.aborted || !isRunning() || isStale()) return
    const { key, value, headers, offset, timestamp } = message
    const behind = Number(highWatermark) - Number(offset)
    // Before it is taken: one that is held up is behind, too.
    parts.figures.lag(partition, behind)
    try {
      const record = { topic, partition, offset, timestamp, key, value }
      await takeRecord(parts, { ...record, headers: ownValues(headers) })
    } catch (error) {
      parts.figures.heldUp()
      logger('bridge').warn({ error, topic, partition, offset }, 'kafka-record-held-up')
      const resume = rest()
      setTimeout(resume, HELD_UP_MS).unref()
      return
    }
    resolveOffset(offset)
    parts.figures.lag(partition, behind - 1)
    await heartbeat()
  }
}

async function leave(consumer: Consumer): Promise<void> {
  const left = consumer.disconnect().catch((error: unknown) => {
    logger('bridge').debug({ error }, 'kafka-close-failed')
  })
  // A broker that stands still does not hear that it is left.
  await Promise.race([left, pause(CLOSE_MS_MAX, undefined, { ref: false })])
}
