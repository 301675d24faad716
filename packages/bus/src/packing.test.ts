import { expect, test } from '@jest/globals'
import { packed } from './packing.ts'
import type { OutboxMessage } from './relay.ts'

function givenIntent(position: number, text = ''): OutboxMessage {
  return {
    position,
    subject: 'aud.bridge.v1.append',
    messageId: `intent-${position}`,
    payload: { number: position, text },
    headers: {},
    audit: true,
  }
}

function givenIntents(count: number, text = ''): OutboxMessage[] {
  return Array.from({ length: count }, (_, index) => givenIntent(index + 1, text))
}

function numbersIn(body: Buffer): number[] {
  const { intents } = JSON.parse(body.toString()) as { intents: { number: number }[] }
  return intents.map(({ number }) => number)
}

test('intents travel in packs of at most 64, in their order, none left out', () => {
  const publications = packed(givenIntents(130))

  expect(publications.map(({ positions }) => positions.length)).toEqual([64, 64, 2])
  expect(publications.flatMap(({ body }) => numbersIn(body))).toEqual(
    Array.from({ length: 130 }, (_, index) => index + 1),
  )
})

test('a pack holds at most 512 KiB', () => {
  const publications = packed(givenIntents(20, 'x'.repeat(60_000)))

  expect(Math.max(...publications.map(({ body }) => body.length))).toBeLessThan(525_000)
  expect(publications.flatMap(({ positions }) => positions)).toHaveLength(20)
})

test('a larger pack that begins with the same intent is not taken for the smaller one', () => {
  const [small] = packed(givenIntents(3))
  const [large] = packed(givenIntents(10))
  const [same] = packed(givenIntents(3))

  expect(large?.messageId).not.toBe(small?.messageId)
  expect(same?.messageId).toBe(small?.messageId)
})

test('a pack into whose middle a row came late is not taken for the one without it', () => {
  const [first, late, last] = givenIntents(3)
  if (first === undefined || late === undefined || last === undefined) throw new Error('three')

  const [without] = packed([first, last])
  const [within] = packed([first, late, last])

  expect(within?.messageId).not.toBe(without?.messageId)
})

test('a row that is no intent closes the pack before it, so that the order holds', () => {
  const event = { ...givenIntent(3), audit: false, subject: 'aud.bridge.v1.other' }

  const publications = packed([givenIntent(1), givenIntent(2), event, givenIntent(4)])

  expect(publications.map(({ positions }) => positions)).toEqual([[1, 2], [3], [4]])
})
