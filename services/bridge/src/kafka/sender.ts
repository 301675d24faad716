import kafkajs, { type Kafka, type Producer } from 'kafkajs'
import { logger } from '@mumega/telemetry'
import { absentOf, errorTypeOf } from './absent-topics.ts'
import type { Figures } from './figures.ts'
import type { TopicRecord } from './topic-record.ts'

export interface Sender {
  /**
   * Resolves when every in-sync replica has all of them. Records of one key keep their order.
   *
   * @throws a `Refused` when Kafka will never take one of them; whatever else is to be tried again
   */
  send(records: readonly TopicRecord[]): Promise<void>
  /** Gives up what is under way, and closes. */
  stop(): Promise<void>
}

/** Kafka will not take this, however often it is offered. */
export class Refused extends Error {}

const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'])
const ALL_IN_SYNC = -1
const CLOSE_MS_MAX = 2_000

/**
 * Sends by an idempotent producer. One that has failed is thrown away: its sequence numbers may
 * differ from the broker's from then on. What it had sent may then be in the topic twice, with the
 * same message id.
 */
export function openSender(
  kafka: Kafka,
  { figures, idempotent }: { figures: Figures; idempotent: boolean },
): Sender {
  let current: Promise<Producer> | undefined
  let isStopped = false

  function producer(): Promise<Producer> {
    if (current !== undefined) return current
    const opened = connect(kafka, idempotent)
    current = opened
    return opened
  }

  function discard(failed: Promise<Producer>): void {
    if (current === failed) current = undefined
    void close(failed)
  }

  return {
    async send(records) {
      if (isStopped) throw new Error('the sender has stopped')
      const used = producer()
      const sending = figures.sending()
      try {
        const connected = await used
        await connected.sendBatch({ acks: ALL_IN_SYNC, topicMessages: byTopic(records) })
        sending.succeeded(records)
      } catch (error) {
        discard(used)
        const refusal = errorTypeOf(error, REFUSALS)
        if (refusal !== undefined) {
          sending.ended()
          throw new Refused(refusal, { cause: error })
        }
        sending.failed(error, await absentOf(kafka, error, records))
        throw error
      }
    },
    async stop() {
      isStopped = true
      if (current !== undefined) await close(current)
    },
  }
}

async function connect(kafka: Kafka, idempotent: boolean): Promise<Producer> {
  const producer = kafka.producer({
    idempotent,
    maxInFlightRequests: 1,
    // Java's: the same key is in the same partition whoever writes it.
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  try {
    await producer.connect()
  } catch (error) {
    void producer.disconnect().catch(() => undefined)
    throw error
  }
  return producer
}

async function close(opened: Promise<Producer>): Promise<void> {
  const closing = opened
    .then((producer) => producer.disconnect())
    .catch((error: unknown) => {
      logger('bridge').debug({ error }, 'kafka-close-failed')
    })
  let timer: NodeJS.Timeout | undefined
  // A broker that stands still does not hear that it is left.
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_MS_MAX)
  })
  await Promise.race([closing, patience])
  clearTimeout(timer)
}

function byTopic(records: readonly TopicRecord[]) {
  const topics = new Map<string, Omit<TopicRecord, 'topic'>[]>()
  for (const { topic, ...record } of records) {
    const found = topics.get(topic)
    if (found === undefined) topics.set(topic, [record])
    else found.push(record)
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }))
}
