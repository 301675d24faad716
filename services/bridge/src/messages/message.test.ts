import { expect, test } from '@jest/globals'
import { CORRELATION_ID_BYTES_MAX, TEXT_BYTES_MAX } from '@mumega/contracts/bridge'
import { auditOf, eventsOf, messageOf, type Draft } from './message.ts'

const SENT_AT = new Date('2026-11-21T08:00:00.000Z')
const ID = '0193a0b0-0000-7000-8000-000000000000'

const messageFrom = (draft: Draft) =>
  messageOf(draft, { tenantId: 'acme', messageId: ID, sentAt: SENT_AT })

const largest: Draft = {
  from: 'a'.repeat(63),
  kind: 'broadcast',
  text: '\u0001'.repeat(TEXT_BYTES_MAX),
  contentType: 'text/markdown',
  replyTo: ID,
  correlationId: '\u0001'.repeat(CORRELATION_ID_BYTES_MAX),
}
const crowd = Array.from({ length: 1_000 }, (_, index) => `agent-${index}`.padEnd(63, 'x'))

test('the largest broadcast fits onto the ledger and onto the bus', () => {
  const message = messageFrom(largest)

  // 64 KiB is the ledger's bound on a payload, 700,000 bytes the bus's on an event.
  expect(JSON.stringify(auditOf(message, crowd).payload).length).toBeLessThan(65_536)
  const [event] = eventsOf(message, crowd)
  expect(JSON.stringify(event?.payload).length).toBeLessThan(700_000)
  expect(event?.headers).toEqual({ 'Mumega-To': '*' })
})

test('the digest of a broadcast’s recipients does not depend on their order', () => {
  const message = messageFrom(largest)
  const digests = [crowd, [...crowd].reverse(), crowd.slice(1)].map(
    (recipients) => auditOf(message, recipients).payload['recipientsSha256'],
  )

  expect(digests[1]).toBe(digests[0])
  expect(digests[2]).not.toBe(digests[0])
})

test('a message names its addressee on the ledger and in the header of its copy', () => {
  const draft: Draft = {
    from: 'kasra',
    to: 'loom',
    kind: 'send',
    text: 'hello',
    contentType: 'text/plain',
  }
  const message = messageFrom(draft)

  // The digest is that of `printf hello | sha256sum`.
  expect(auditOf(message, ['loom']).payload).toEqual({
    from: 'kasra',
    to: 'loom',
    kind: 'send',
    contentType: 'text/plain',
    textBytes: 5,
    textSha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
  })
  expect(eventsOf(message, ['loom'])[0]?.headers).toEqual({ 'Mumega-To': 'loom' })
})

test('a question’s deadline is its timeout after it was sent', () => {
  const draft: Draft = { ...largest, kind: 'ask', to: 'loom', timeoutSeconds: 90 }

  expect(messageFrom(draft).deadline).toEqual(new Date('2026-11-21T08:01:30.000Z'))
})
