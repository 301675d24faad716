import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { forkBridge } from './forked.ts'
import { agent, givenAgents, givenMessage, inboxOf } from './given.ts'
import { kafkaTest, startKafkaBridge, type KafkaBridge } from './given-kafka.ts'
import { openTokenDesk, type TokenDesk } from './given-tokens.ts'

const INBOUND = 'mumega.inbound'

let side: KafkaBridge
let desk: TokenDesk
beforeEach(async () => {
  const started = await startKafkaBridge()
  if (started === undefined) return
  side = started
  desk = openTokenDesk(side.bridge.gateway)
  await givenAgents(side.bridge, ['ada', 'bob'])
}, 60_000)
afterEach(async () => {
  await (side as KafkaBridge | undefined)?.stop()
}, 60_000)

async function produce(texts: readonly string[], key: string): Promise<void> {
  const authorization = `Bearer ${desk.issue({ agent: 'ada' })}`
  const messages = texts.map((text) => ({
    key,
    value: JSON.stringify({ to: 'bob', text }),
    headers: { authorization, 'message-id': randomUUID() },
  }))
  await side.stranger.producer.send({ topic: INBOUND, messages })
}

const textsOf = async () => (await inboxOf(side.bridge, agent('bob'))).map(({ text }) => text)

async function untilTaken(count: number): Promise<string[]> {
  return eventually(
    async () => {
      const texts = await textsOf()
      return texts.length >= count && texts
    },
    { what: `${count} messages` },
  )
}

const numbers = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, nth) => String(first + nth))

kafkaTest(
  'bridges that come and go take each record once, and forward each message in order',
  async () => {
    await side.bridge.startAnother()
    await produce(numbers(0, 50), 'a')
    await produce(numbers(50, 100), 'b')
    await untilTaken(20)
    await side.bridge.stopFirst()
    await produce(numbers(100, 150), 'c')

    const texts = await untilTaken(150)
    expect(texts.map(Number).sort((one, other) => one - other)).toEqual(numbers(0, 150).map(Number))
    const positions = await inboxOf(side.bridge, agent('bob'))
    const records = await side.stranger.waitForMessages(150)
    const forwarded = records.map(({ headers }) => headers['message-id'])
    expect(forwarded).toEqual(positions.map(({ messageId }) => messageId))
  },
  120_000,
)

kafkaTest(
  'of two bridges one forwards, so that what is sent at once is in the order of the inbox',
  async () => {
    await side.bridge.startAnother()
    await side.stranger.waitFor('mumega.events', 2)
    for (let round = 0; round < 40; round += 1) {
      const texts = numbers(round * 10, round * 10 + 10)
      await Promise.all(
        texts.map((text) => givenMessage(side.bridge, agent('ada'), { to: 'bob', text })),
      )
    }

    const records = await side.stranger.waitForMessages(400)
    const forwarded = records.map(({ headers }) => headers['message-id'])
    const inbox = await inboxOf(side.bridge, agent('bob'))
    expect(forwarded).toEqual(inbox.map(({ messageId }) => messageId))
  },
  120_000,
)

kafkaTest(
  'a bridge that is killed after a hand-over and before its commit loses and doubles nothing',
  async () => {
    await side.bridge.stopFirst()
    const settings = { ...side.settings, LOG_LEVEL: 'silent' }
    const killed = forkBridge(side.bridge, settings)
    await once(killed.child, 'message')
    // The third is not answered, so the batch is not at its end and nothing of it is committed.
    desk.hangAfter(2)
    await produce(numbers(0, 5), 'a')
    await eventually(async () => desk.asked === 3 && Promise.resolve(true), {
      what: 'the third record is being looked at',
    })
    const exited = once(killed.child, 'exit')
    killed.child.kill('SIGKILL')
    await exited
    desk.hangAfter(Infinity)
    await side.bridge.startAnother()
    expect(await textsOf()).toEqual(['0', '1'])

    expect(await untilTaken(5)).toEqual(numbers(0, 5))
    expect(await givenMessage(side.bridge, agent('ada'), { to: 'bob', text: 'last' })).toBeDefined()
    const records = await side.stranger.waitForMessages(6)
    const forwarded = records.map(({ value }) => (JSON.parse(value ?? '') as { text: string }).text)
    expect(forwarded).toEqual([...numbers(0, 5), 'last'])
  },
  120_000,
)
