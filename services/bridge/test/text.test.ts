import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { askAgent } from '@mumega/contracts/asks'
import { broadcastMessage, recordHeartbeat, sendMessage } from '@mumega/contracts/bridge'
import { agent, givenAgents, inboxOf, refusal, startTestBridge, type TestBridge } from './given.ts'

const kasra = agent('kasra')

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge()
  await givenAgents(bridge, ['kasra', 'loom'])
})
afterAll(async () => {
  await bridge.stop()
})

const send = (fields: { text: string; correlationId?: string }) =>
  bridge.call(kasra, sendMessage, { requestId: randomUUID(), to: 'loom', ...fields })

test.each([
  ['one byte a character', 'a'.repeat(16_384)],
  ['three bytes a character', `${'漢'.repeat(5_461)}a`],
  ['four bytes a character', '🧵'.repeat(4_096)],
  ['one visible character of many marks', `e${'\u0301'.repeat(8_191)}!`],
])('a text of exactly 16 KiB is accepted unchanged: %s', async (_case, text) => {
  expect(Buffer.byteLength(text)).toBe(16_384)

  const { messageId } = await send({ text })

  const stored = (await inboxOf(bridge, agent('loom'))).find((m) => m.messageId === messageId)
  expect(stored?.text === text).toBe(true)
})

test.each([
  ['one byte a character', 'a'.repeat(16_385)],
  ['three bytes a character', `${'漢'.repeat(5_461)}aa`],
  ['four bytes a character', `${'🧵'.repeat(4_096)}a`],
  ['one visible character of many marks', `e${'\u0301'.repeat(8_192)}`],
])('a text one byte over 16 KiB is refused by size: %s', async (_case, text) => {
  expect(await refusal(send({ text }))).toEqual({
    code: 'bridge.text-too-large',
    kind: 'too-large',
    details: { field: 'text', limitBytes: 16_384, actualBytes: 16_385 },
  })
})

test('a text far over the bound is refused by size too, by each way of sending', async () => {
  const text = '漢'.repeat(200_000)
  const requestId = randomUUID()
  const refusals = await Promise.all([
    refusal(bridge.call(kasra, sendMessage, { requestId, to: 'loom', text })),
    refusal(bridge.call(kasra, broadcastMessage, { requestId, text })),
    refusal(bridge.call(kasra, askAgent, { requestId, to: 'loom', text, timeoutSeconds: 1 })),
  ])
  for (const refused of refusals) {
    expect(refused).toMatchObject({
      code: 'bridge.text-too-large',
      details: { field: 'text', actualBytes: 600_000 },
    })
  }
})

test.each([
  ['U+0000', 'a\u0000b'],
  ['a high surrogate alone', 'a\ud83eb'],
  ['a low surrogate alone', '\uddf5'],
  ['surrogates in the wrong order', '\uddf5\ud83e'],
])('a text that could not come back unchanged is refused by field: %s', async (_case, text) => {
  const field = (name: string) => ({ code: 'bridge.invalid-text', details: { field: name } })
  const heartbeat = { status: 'idle' as const, note: text }

  expect(await refusal(send({ text }))).toMatchObject(field('text'))
  expect(await refusal(send({ text: 'fine', correlationId: text }))).toMatchObject(
    field('correlationId'),
  )
  expect(await refusal(bridge.call(kasra, recordHeartbeat, heartbeat))).toMatchObject(field('note'))
})

test('a correlation id and a note are bounded in bytes, not in visible characters', async () => {
  const marks = (bytes: number) => `e${'\u0301'.repeat((bytes - 1) / 2)}`
  const heartbeat = { status: 'idle' as const, note: marks(2_001) }

  await send({ text: 'fine', correlationId: 'x'.repeat(800) })
  expect(await refusal(send({ text: 'fine', correlationId: marks(801) }))).toMatchObject({
    code: 'bridge.text-too-large',
    details: { field: 'correlationId', limitBytes: 800, actualBytes: 801 },
  })
  expect(await refusal(bridge.call(kasra, recordHeartbeat, heartbeat))).toMatchObject({
    code: 'bridge.text-too-large',
    details: { field: 'note', limitBytes: 2_000, actualBytes: 2_001 },
  })
})

test('text that looks like JSON, SQL or a header is only text', async () => {
  const texts = [
    '{"to":"river"}',
    "'); drop table bridge.messages; --",
    'Mumega-Context: {"tenantId":"globex"}\r\nNats-Msg-Id: 1\r\n\r\n',
    '__proto__',
    '?? ? :name $1',
    '\u2028\u2029\ufeff\u202e',
  ]
  for (const text of texts) await send({ text, correlationId: text })

  const stored = (await inboxOf(bridge, agent('loom'))).slice(-texts.length)
  expect(stored.map(({ text }) => text)).toEqual(texts)
  expect(stored.map(({ correlationId }) => correlationId)).toEqual(texts)
})
