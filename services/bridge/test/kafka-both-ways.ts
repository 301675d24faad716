import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect } from '@jest/globals'
import { broadcastMessage } from '@mumega/contracts/bridge'
import type { KafkaTests } from '@mumega/testkit'
import { agent, givenAgents, givenMessage, inboxOf } from './given.ts'
import {
  inboundRecord,
  produceInbound,
  startKafkaBridge,
  untilFailing,
  untilOk,
  untilTexts,
  type KafkaBridge,
} from './given-kafka.ts'
import { openTokenDesk } from './given-tokens.ts'

// An image may have to be pulled.
const START_MS_MAX = 300_000

/** What holds with every broker: records in, messages out, nothing lost while it stands still. */
export function testBothWays(kafkas: KafkaTests): void {
  const { kafkaTest } = kafkas
  let side: KafkaBridge
  let adasToken: string
  beforeAll(async () => {
    const started = await startKafkaBridge(undefined, kafkas)
    if (started === undefined) return
    side = started
    adasToken = openTokenDesk(side.bridge.gateway).issue({ agent: 'ada' })
    await givenAgents(side.bridge, ['ada', 'bob', 'cyd', 'dan', 'eve'])
    await givenAgents(side.bridge, ['ada', 'bob'], 'other')
  }, START_MS_MAX)
  afterAll(async () => {
    await (side as KafkaBridge | undefined)?.stop()
  }, 60_000)

  kafkaTest('a record is its token’s agent’s message, and says where it has passed', async () => {
    const order = { to: 'dan', text: 'Hi.' }
    const sent = inboundRecord(adasToken, order, { 'mumega-path': 'there' })
    await produceInbound(side, [{ ...sent, key: null }])

    await untilTexts(side, agent('dan'), 1)
    const [message] = await inboxOf(side.bridge, agent('dan'))
    expect(message).toMatchObject({ from: 'ada', kind: 'send', text: 'Hi.' })
    const [forwarded] = await side.stranger.waitForMessages(
      1,
      ({ headers }) => headers['message-id'] === message?.messageId,
    )
    expect(forwarded?.headers['mumega-path']).toBe('there,here')
    expect(JSON.stringify(forwarded)).not.toContain(adasToken)
  })

  kafkaTest('the same record twice, or the same message id again, is one message', async () => {
    const once = inboundRecord(adasToken, { to: 'eve', text: 'once' })
    await produceInbound(side, [once, once])
    await produceInbound(side, [once])
    await produceInbound(side, [inboundRecord(adasToken, { to: 'eve', text: 'after' })])

    expect(await untilTexts(side, agent('eve'), 2)).toEqual(['once', 'after'])
  })

  kafkaTest(
    'an accepted message is in the topic, with its text and what tells its origin',
    async () => {
      const text = 'Grüße 🙂'
      const messageId = await givenMessage(side.bridge, agent('ada'), { to: 'bob', text })

      const [record] = await side.stranger.waitForMessages(
        1,
        ({ headers }) => headers['message-id'] === messageId,
      )
      expect(record?.key).toBe('acme/ada')
      expect(record?.headers).toMatchObject({
        ce_specversion: '1.0',
        ce_id: messageId,
        ce_type: 'bus.bridge.v1.message',
        ce_source: '/mumega/here/bridge',
        ce_subject: 'ada',
        'content-type': 'application/json',
        'mumega-path': 'here',
      })
      expect(JSON.parse(record?.value ?? '{}')).toMatchObject({
        tenantId: 'acme',
        messageId,
        from: 'ada',
        to: ['bob'],
        kind: 'send',
        text,
        contentType: 'text/plain',
      })
    },
  )

  kafkaTest('what one agent sends is in the topic in the order in which it sent it', async () => {
    const sent: string[] = []
    for (let nth = 0; nth < 40; nth += 1) {
      const to = nth % 2 === 0 ? 'bob' : 'ada'
      sent.push(await givenMessage(side.bridge, agent('cyd'), { to, text: String(nth) }))
    }
    const request = { requestId: randomUUID(), text: 'to all' }
    const { messageId } = await side.bridge.call(agent('cyd'), broadcastMessage, request)

    const records = await side.stranger.waitForMessages(41, ({ key }) => key === 'acme/cyd')
    expect(records.map(({ headers }) => headers['message-id'])).toEqual([...sent, messageId])
  })

  kafkaTest(
    'while Kafka stands still, messages are taken and health names Kafka; then all of them arrive',
    async () => {
      const { bridge, kafka, stranger } = side
      await kafka.freeze()
      const sent: string[] = []
      for (let nth = 0; nth < 300; nth += 1) {
        sent.push(await givenMessage(bridge, agent('bob', 'other'), { to: 'ada', text: `${nth}` }))
      }
      await untilFailing(side, /acknowledged|waits on the bus|read from Kafka/)
      expect((await side.health()).status).toBe('ok')

      await kafka.thaw()
      const records = await stranger.waitForMessages(300, ({ key }) => key === 'other/bob')
      expect(records.map(({ headers }) => headers['message-id'])).toEqual(sent)
      await untilOk(side)
    },
    90_000,
  )
}
