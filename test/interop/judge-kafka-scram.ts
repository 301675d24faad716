import type { Bus } from '@mumega/bus'
import { healthOf } from '@mumega/contracts/health'
import { eventually } from '@mumega/testkit'
import type { Finding } from './finding.ts'
import { givenAgents, sendAs } from './journey.ts'
import type { Mechanism } from './kafka-broker.ts'
import {
  findingOf,
  firstOfEach,
  messageIdOf,
  numbers,
  produce,
  recordsNow,
  recordsOf,
  SETTLE_MS_MAX,
  textsOf,
  type Ground,
} from './kafka-records.ts'

const EACH_WAY = 20
const PASSWORD = 'the right one'

/**
 * The bridge comes to the broker's other door, by a password that the broker is told only later.
 * Each mechanism has a group and topics of its own: nothing waits for the bridge that was before.
 */
export async function judgeScram(ground: Ground, mechanism: Mechanism): Promise<Finding[]> {
  const { suite, broker } = ground
  const { tenantId, tokens } = await givenAgents(suite, ['ada', 'bob', 'cyd'])
  const [ada = '', bob = ''] = tokens
  const topics = { inbound: `inbound.${mechanism}`, messages: `messages.${mechanism}` }
  const texts = numbers(EACH_WAY)
  const lines = texts.map((text) => JSON.stringify({ to: 'cyd', text }))
  await produce(ground, { topic: topics.inbound, lines, token: bob })
  await suite.kill('bridge')
  await suite.restart('bridge', {
    KAFKA_BROKERS: broker.secured.brokers,
    KAFKA_TLS: 'true',
    KAFKA_TLS_CA_FILE: broker.secured.caFile,
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: broker.secured.username,
    KAFKA_SASL_PASSWORD: PASSWORD,
    KAFKA_GROUP_ID: mechanism,
    KAFKA_INBOUND_TOPIC: topics.inbound,
    KAFKA_MESSAGES_TOPIC: topics.messages,
  })
  const sent: string[] = []
  for (const text of texts) sent.push(await sendAs(suite, ada, { to: 'bob', text }))

  const bus = await suite.bus('gateway')
  const name = mechanism.toUpperCase()
  const why = `invalid credentials with SASL mechanism ${name}`
  const refusal = await untilHealth(bus, why)
  const early = [await textsOf(ground, tenantId, 'cyd'), await recordsNow(ground, topics.messages)]
  await broker.secured.setPassword(mechanism, PASSWORD)

  const unique = firstOfEach(await recordsOf(ground, topics.messages, 2 * EACH_WAY))
  const adas = unique.filter(({ key }) => key === `${tenantId}/ada`).map(messageIdOf)
  const taken = await textsOf(ground, tenantId, 'cyd')
  const ended = await untilHealth(bus, 'ok')
  return [
    findingOf(
      `a wrong password by ${name} over TLS: nothing passes, and health says why`,
      early.flat().length === 0 && refusal.includes(why) && !refusal.includes(PASSWORD),
      refusal,
    ),
    findingOf(
      `once it is right by ${name}: what waited flows both ways, in order, without a restart`,
      String(taken) === String(texts) && String(adas) === String(sent) && ended === 'ok',
      `${taken.length} in and ${adas.length} out, of ${EACH_WAY} each way; health: ${ended}`,
    ),
  ]
}

/** What the bridge says of Kafka once this is part of it, or in the end. */
async function untilHealth(bus: Bus, part: string): Promise<string> {
  const actor = { id: 'service:gateway', kind: 'service' } as const
  const context = { tenantId: 'substrate', actor }
  let said = ''
  await eventually(
    async () => {
      const { dependencies } = await bus.request(healthOf('bridge'), {}, { context })
      const kafka = dependencies.find(({ name }) => name === 'kafka')
      said = kafka?.reason ?? kafka?.status ?? ''
      return said.includes(part)
    },
    { what: `health to say of Kafka: ${part}`, timeoutMs: SETTLE_MS_MAX },
  ).catch(() => undefined)
  return said
}
