import { randomUUID } from 'node:crypto'
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { eventually } from '@mumega/testkit'

/** A record as a reader of a topic sees it. */
export interface Seen {
  topic: string
  partition: number
  key: string | undefined
  value: string | undefined
  headers: Record<string, string>
}

/** A stranger's client: it reads topics and writes into them. */
export interface Stranger {
  /** Every record of the topics so far, of each partition in its order. */
  readonly seen: readonly Seen[]
  /** Waits until so many records of a topic match. */
  waitFor(topic: string, count: number, matches?: (record: Seen) => boolean): Promise<Seen[]>
  producer: Producer
  stop(): Promise<void>
}

export async function connectStranger(brokers: string, topics: string[]): Promise<Stranger> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const consumer = kafka.consumer({ groupId: `stranger-${randomUUID()}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
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
    async waitFor(topic, count, matches = () => true) {
      return eventually(
        () => {
          const found = seen.filter((record) => record.topic === topic && matches(record))
          return Promise.resolve(found.length >= count && found)
        },
        { what: `${count} records in ${topic}`, timeoutMs: 20_000 },
      )
    },
    async stop() {
      await consumer.disconnect()
      await producer.disconnect()
    },
  }
}
