import { randomUUID } from 'node:crypto'
import { Kafka, logLevel, Partitioners, type Consumer, type Producer } from 'kafkajs'
import { eventually } from '@mumega/testkit'

/** A record as a reader of a topic sees it. */
export interface Seen {
  topic: string
  partition: number
  key: string | undefined
  value: string | undefined
  headers: Record<string, string>
}

type Matches = (record: Seen) => boolean

/** A stranger's client: it reads topics and writes into them. */
export interface Stranger {
  /** Every record of the topics so far, of each partition in its order. */
  readonly seen: readonly Seen[]
  /** Waits until so many records of a topic match. */
  waitFor(topic: string, count: number, matches?: Matches): Promise<Seen[]>
  /**
   * Waits until so many messages that match are in their topic, and gives the first record of each:
   * a message is forwarded at least once, and readers know it again by its id.
   */
  waitForMessages(count: number, matches?: Matches): Promise<Seen[]>
  producer: Producer
  stop(): Promise<void>
}

export async function connectStranger(brokers: string, topics: string[]): Promise<Stranger> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const consumer = kafka.consumer({ groupId: `stranger-${randomUUID()}`, maxWaitTimeInMs: 100 })
  const stop = async () => {
    await consumer.disconnect()
    await producer.disconnect()
  }
  try {
    await consumer.connect()
    await untilSubscribed(consumer, topics)
  } catch (error) {
    await stop()
    throw error
  }
  const seen: Seen[] = []
  await consumer.run({
    eachMessage: ({ topic, partition, message }) => {
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [
        name,
        String(value),
      ])
      seen.push({
        topic,
        partition,
        key: message.key?.toString(),
        value: message.value?.toString(),
        headers: Object.fromEntries(headers) as Record<string, string>,
      })
      return Promise.resolve()
    },
  })
  return {
    seen,
    producer,
    waitFor: (topic, count, matches = () => true) =>
      untilThere(`${count} records in ${topic}`, count, () =>
        seen.filter((record) => record.topic === topic && matches(record)),
      ),
    waitForMessages: (count, matches = () => true) =>
      untilThere(`${count} messages`, count, () =>
        firstOfEach(seen.filter((record) => record.topic === 'mumega.messages' && matches(record))),
      ),
    stop,
  }
}

/** Asking for a topic makes it; a broker may say that it is not there before it says that it is. */
async function untilSubscribed(consumer: Consumer, topics: string[]): Promise<void> {
  await eventually(
    async () => {
      await consumer.subscribe({ topics, fromBeginning: true })
      return true
    },
    { what: 'the topics to be there' },
  )
}

const untilThere = async (what: string, count: number, find: () => Seen[]): Promise<Seen[]> =>
  eventually(
    () => {
      const found = find()
      return Promise.resolve(found.length >= count && found)
    },
    { what, timeoutMs: 20_000 },
  )

function firstOfEach(records: readonly Seen[]): Seen[] {
  const firsts = new Map<string | undefined, Seen>()
  for (const record of records) {
    const id = record.headers['message-id']
    if (!firsts.has(id)) firsts.set(id, record)
  }
  return [...firsts.values()]
}
