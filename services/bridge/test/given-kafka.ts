import { randomUUID } from 'node:crypto'
import { test } from '@jest/globals'
import type { Message } from 'kafkajs'
import { healthOf } from '@mumega/contracts/health'
import type { ReplyOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { eventually, findTestKafka, type KafkaTests, type TestKafka } from '@mumega/testkit'
import { inboxOf, operator, startTestBridge, type TestBridge } from './given.ts'
import { connectStranger, type Stranger } from './kafka-topic.ts'

const found = await findTestKafka(test)

/** Jest's `test`, where librdkafka's broker for tests can be had. */
export const { kafkaTest } = found

const TOPICS = [
  'mumega.messages',
  'mumega.events',
  'mumega.audit',
  'mumega.inbound',
  'mumega.dead-letters',
]

export interface KafkaBridge {
  kafka: TestKafka
  bridge: TestBridge
  stranger: Stranger
  settings: Record<string, string>
  health(): Promise<ReplyOf<ReturnType<typeof healthOf>>>
  /** What the bridge says of Kafka. */
  kafkaHealth(): Promise<{ status: string; reason?: string | undefined } | undefined>
  stop(): Promise<void>
}

type Settings = Record<string, string>

/**
 * A bridge with a broker of its own; nothing where there is no broker to be had. More settings may
 * depend on where the broker is.
 */
export async function startKafkaBridge(
  more: (brokers: string) => Promise<Settings> = () => Promise.resolve({}),
  kafkas: KafkaTests = found,
): Promise<KafkaBridge | undefined> {
  if (!kafkas.isPresent) return undefined
  const kafka = await kafkas.start()
  const ends = [() => kafka.stop()]
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const settings = {
      KAFKA_BROKERS: kafka.brokers,
      KAFKA_INSTANCE: 'here',
      KAFKA_IDEMPOTENT: String(kafka.isIdempotent),
      ...(await more(kafka.brokers)),
    }
    const bridge = await startTestBridge(settings)
    ends.push(() => bridge.stop())
    const stranger = await connectStranger(kafka.brokers, TOPICS)
    ends.push(() => stranger.stop())
    const health = () => bridge.call(operator('substrate'), healthOf('bridge'), {})
    return {
      kafka,
      bridge,
      stranger,
      settings,
      health,
      async kafkaHealth() {
        return (await health()).dependencies.find(({ name }) => name === 'kafka')
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Waits until the bridge is well with Kafka. */
export async function untilOk(side: KafkaBridge): Promise<void> {
  await eventually(async () => (await side.kafkaHealth())?.status === 'ok', {
    what: 'Kafka to be ok',
  })
}

/** The reason that health gives, once Kafka fails for one like this. */
export function untilFailing(side: KafkaBridge, why: RegExp): Promise<string> {
  return eventually(
    async () => {
      const { status, reason = '' } = (await side.kafkaHealth()) ?? {}
      return status === 'failing' && why.test(reason) && reason
    },
    { what: `health to say ${why.source}` },
  )
}

/** What the holder of a token sends through Kafka; `order` is its value. */
export function inboundRecord(
  token: string,
  order: Record<string, unknown>,
  headers: Message['headers'] = {},
): Message & { headers: NonNullable<Message['headers']> } {
  const authorization = `Bearer ${token}`
  return {
    key: 'acme/ada',
    value: JSON.stringify(order),
    headers: { authorization, 'message-id': randomUUID(), ...headers },
  }
}

export async function produceInbound(side: KafkaBridge, messages: Message[]): Promise<void> {
  await side.stranger.producer.send({ topic: 'mumega.inbound', messages })
}

/** The texts in an inbox, once there are so many. */
export function untilTexts(
  { bridge }: KafkaBridge,
  context: CallContext,
  count: number,
): Promise<string[]> {
  return eventually(
    async () => {
      const texts = (await inboxOf(bridge, context)).map(({ text }) => text)
      return texts.length >= count && texts
    },
    { what: `${count} messages for ${context.actor.id}` },
  )
}
