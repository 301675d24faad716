import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, expect, test } from '@jest/globals'
import { messageAccepted } from '@mumega/contracts/bridge'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { tokenRevoked } from '@mumega/contracts/gateway'
import { eventually } from '@mumega/testkit'
import { givenLetter } from './consumers.ts'
import { givenNats, happened } from './given.ts'

const ground = await givenNats()
const bridge = await ground.bus('bridge')
const gateway = await ground.bus('gateway')
const admin = await ground.bus('admin')
afterAll(ground.stop)

const ACCEPTED = {
  tenantId: 'acme',
  to: ['kasra'],
  messageId: '0193e5b2-7c1a-7000-8000-000000000001',
  from: 'loom',
  kind: 'send' as const,
  sentAt: '2026-11-01T00:00:00.000Z',
}

async function storedOn(subject: string): Promise<number> {
  const manager = await jetstreamManager(admin.connection)
  const stream = subject.startsWith('bus.') ? 'BUS' : 'EVENTS'
  const { state } = await manager.streams.info(stream, { subjects_filter: subject })
  return state.subjects?.[subject] ?? 0
}

test('the same message id is stored once', async () => {
  for (let time = 0; time < 3; time += 1) {
    await bridge.publish(happened, { number: 1 }, { messageId: 'once' })
  }
  await bridge.publish(happened, { number: 2 }, { messageId: 'another' })

  expect(await storedOn(happened.subject)).toBe(2)
})

test('an id that another service has used is free for every other', async () => {
  const greeted = deadLettered('gateway')
  const letter = givenLetter('shared')

  await bridge.publish(happened, { number: 3 }, { messageId: 'shared' })
  await gateway.publish(greeted, letter, { messageId: 'shared' })

  expect(await storedOn(greeted.subject)).toBe(1)
})

test('a payload that breaks its contract is not published, and its field is named', async () => {
  const wrong = { number: 'seven' as unknown as number }

  await expect(bridge.publish(happened, wrong, { messageId: 'wrong' })).rejects.toMatchObject({
    code: 'bus.invalid-event',
    details: { field: 'number' },
  })
})

test('an oversize event is refused with the limit', async () => {
  const large = { ...ACCEPTED, to: Array.from({ length: 1_000 }, () => 'a'.repeat(63)) }
  const many = { number: 1, padding: 'x'.repeat(700_000) }

  await bridge.publish(messageAccepted, large, { messageId: 'large' })
  await expect(bridge.publish(happened, many, { messageId: 'many' })).rejects.toMatchObject({
    code: 'bus.too-large',
    details: { limitBytes: 700_000 },
  })
})

test('an event is heard, with its headers, by those who may', async () => {
  const heard: unknown[] = []
  gateway.hear(messageAccepted, (payload, headers) => {
    heard.push([payload.messageId, headers?.get('Mumega-To')])
  })
  await gateway.connection.flush()

  const headers = { 'Mumega-To': 'kasra' }
  await bridge.publish(messageAccepted, ACCEPTED, { messageId: 'heard', headers })
  await eventually(async () => heard.length === 1, { what: 'the event' })

  expect(heard).toEqual([[ACCEPTED.messageId, 'kasra']])
})

test('what is heard has no reply subject, so that nobody can forge a receipt', async () => {
  const replies: (string | undefined)[] = []
  gateway.connection.subscribe(`live.${messageAccepted.subject}`, {
    callback: (_, msg) => void replies.push(msg.reply),
  })
  await gateway.connection.flush()

  await bridge.publish(messageAccepted, ACCEPTED, { messageId: 'no reply' })
  await eventually(async () => replies.length === 1, { what: 'the event' })

  expect(replies[0] ?? '').toBe('')
})

test('an event that breaks its contract is not handed to a listener', async () => {
  const heard: string[] = []
  gateway.hear(tokenRevoked, ({ tokenId }) => {
    heard.push(tokenId)
  })
  await gateway.connection.flush()
  const stream = jetstream(gateway.connection)

  await stream.publish(tokenRevoked.subject, '{"tokenId":7}')
  await stream.publish(tokenRevoked.subject, 'no JSON')
  await gateway.publish(
    tokenRevoked,
    { tokenId: ACCEPTED.messageId, tenantId: 'acme' },
    { messageId: 'revoked' },
  )
  await eventually(async () => heard.length > 0, { what: 'the event' })

  expect(heard).toEqual([ACCEPTED.messageId])
})

test('a subject of another service is refused at once, not after a timeout', async () => {
  const startedAt = performance.now()

  await expect(
    gateway.publish(happened, { number: 1 }, { messageId: 'forged' }),
  ).rejects.toMatchObject({ code: 'bus.not-permitted' })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('the round trip to the server is measured', async () => {
  const ms = await bridge.roundTripMs()

  expect(ms).toBeGreaterThanOrEqual(0)
  expect(ms).toBeLessThan(2_000)
})
