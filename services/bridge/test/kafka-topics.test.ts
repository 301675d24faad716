import { afterEach, expect } from '@jest/globals'
import { eventually, startTestSuite } from '@mumega/testkit'
import { agent, givenAgents, givenMessage, inboxOf } from './given.ts'
import {
  kafkaTest,
  startKafkaBridge,
  untilFailing,
  untilOk,
  type KafkaBridge,
} from './given-kafka.ts'
import { openTokenDesk } from './given-tokens.ts'
import { startFront, type Front } from './kafka-front.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
}, 60_000)

let front: Front

/** A bridge whose broker lacks a topic, and makes none. */
async function givenWithout(topic: string): Promise<KafkaBridge> {
  const side = await startKafkaBridge(async (brokers) => {
    front = await startFront(brokers)
    ends.push(() => front.stop())
    front.absent.add(topic)
    return { KAFKA_BROKERS: front.brokers }
  })
  if (side === undefined) throw new Error('there is no broker')
  ends.push(() => side.stop())
  await givenAgents(side.bridge, ['ada', 'bob'])
  return side
}

const untilMissed = (side: KafkaBridge, topic: string) =>
  untilFailing(side, new RegExp(`does not have "${topic}",`))

const untilFigure = (side: KafkaBridge, name: string, least: number) =>
  eventually(
    async () => {
      const health = await side.health()
      return (health.figures[name] ?? 0) >= least && health
    },
    { what: `${name} to be ${least}` },
  )

kafkaTest(
  'messages wait for a topic that is not there, by name, and arrive once it is',
  async () => {
    const side = await givenWithout('mumega.messages')
    const sent = [await givenMessage(side.bridge, agent('ada'), { to: 'bob', text: 'patient' })]
    await untilMissed(side, 'mumega.messages')
    sent.push(await givenMessage(side.bridge, agent('ada'), { to: 'bob', text: 'too' }))

    front.absent.clear()

    const records = await side.stranger.waitForMessages(2)
    expect(records.map(({ headers }) => headers['message-id'])).toEqual(sent)
    await untilOk(side)
  },
  90_000,
)

kafkaTest(
  'of several topics the one that is missing is named, and what goes elsewhere goes on',
  async () => {
    const side = await givenWithout('mumega.audit')
    const ledger = await startTestSuite({ services: ['audit-ledger'], nats: side.bridge.nats })
    ends.push(() => ledger.stop())

    await untilMissed(side, 'mumega.audit')
    // An event waits behind the entries, and goes with them: of their two topics one is there.
    await givenAgents(side.bridge, ['cyd'])
    await untilFigure(side, 'kafkaBehind.bridge-kafka-events', 2)
    const { kafkaOutFailures = 0 } = (await side.health()).figures
    await untilFigure(side, 'kafkaOutFailures', kafkaOutFailures + 2)
    expect(await untilMissed(side, 'mumega.audit')).not.toContain('mumega.events')

    await givenMessage(side.bridge, agent('ada'), { to: 'bob', text: 'goes on' })
    const { dependencies } = await untilFigure(side, 'kafkaOut.mumega.messages', 1)
    // A message that is there says nothing of the topic that is not.
    const { reason } = dependencies.find(({ name }) => name === 'kafka') ?? {}
    expect(reason).toContain('does not have "mumega.audit"')

    front.absent.clear()
    const [record] = await side.stranger.waitFor('mumega.audit', 1)
    expect(JSON.parse(record?.value ?? '')).toMatchObject({ chain: 'acme', seq: 1, index: 0 })
    await untilOk(side)
  },
  90_000,
)

kafkaTest(
  'what is to be taken is taken once its topic is there, which health names until then',
  async () => {
    const side = await givenWithout('mumega.inbound')
    const desk = openTokenDesk(side.bridge.gateway)
    await untilMissed(side, 'mumega.inbound')

    front.absent.clear()
    await side.stranger.producer.send({
      topic: 'mumega.inbound',
      messages: [
        {
          value: JSON.stringify({ to: 'bob', text: 'taken' }),
          headers: { authorization: `Bearer ${desk.issue({ agent: 'ada' })}` },
        },
      ],
    })

    const texts = async () => (await inboxOf(side.bridge, agent('bob'))).map(({ text }) => text)
    await eventually(async () => (await texts()).includes('taken'), {
      what: 'the message',
    })
    await untilOk(side)
  },
  90_000,
)

kafkaTest(
  'a record that cannot become a dead letter waits, and is one once that topic is there',
  async () => {
    const side = await givenWithout('mumega.dead-letters')
    const messages = [{ value: 'no JSON', headers: { authorization: 'Bearer mmg_agent_x' } }]
    await side.stranger.producer.send({ topic: 'mumega.inbound', messages })
    await untilMissed(side, 'mumega.dead-letters')
    expect((await side.health()).figures).toMatchObject({ kafkaDeadLetters: 0 })

    front.absent.clear()

    const [letter] = await side.stranger.waitFor('mumega.dead-letters', 1)
    expect(letter?.value).toBe('no JSON')
    await untilOk(side)
  },
  90_000,
)
