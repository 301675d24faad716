import { test } from '@jest/globals'
import { healthOf } from '@mumega/contracts/health'
import type { ReplyOf } from '@mumega/contracts/define'
import { eventually, findTestKafka, type TestKafka } from '@mumega/testkit'
import { operator, startTestBridge, type TestBridge } from './given.ts'
import { connectStranger, type Stranger } from './kafka-topic.ts'

const found = await findTestKafka(test)

/** Jest's `test`, where a Kafka broker for tests can be had. */
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
): Promise<KafkaBridge | undefined> {
  if (!found.isPresent) return undefined
  const kafka = await found.start()
  const settings = {
    KAFKA_BROKERS: kafka.brokers,
    KAFKA_INSTANCE: 'here',
    // librdkafka's broker names no controller, whom the client asks for a producer's id. The judge
    // of `npm run interop` uses the idempotent one, on a real broker.
    KAFKA_IDEMPOTENT: 'false',
    ...(await more(kafka.brokers)),
  }
  const bridge = await startTestBridge(settings)
  const stranger = await connectStranger(kafka.brokers, TOPICS)
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
    async stop() {
      await stranger.stop()
      await bridge.stop()
      await kafka.stop()
    },
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
