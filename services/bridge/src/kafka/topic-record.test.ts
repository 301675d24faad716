import { expect, test } from '@jest/globals'
import { deadLetterRecord, withoutValue } from './dead-letter-record.ts'
import { requestsOf, subjectOf } from './topic-record.ts'

const about = (payload: Record<string, unknown>) => subjectOf('evt.bridge.v1.thing-done', payload)

test('an event is keyed by its tenant and by what it is about', () => {
  expect(about({ tenantId: 'acme', agent: 'ada', messageId: 'm' })).toMatchObject({
    tenantId: 'acme',
    entity: 'ada',
  })
  expect(about({ tenantId: 'acme', messageId: 'm', agents: ['ada'] }).entity).toBe('m')
  expect(about({ chain: 'acme', id: 'i', source: 's' })).toMatchObject({
    tenantId: 'acme',
    entity: 'i',
  })
})

test('an event that names no tenant is the system’s, and one that names nothing its domain’s', () => {
  expect(about({})).toMatchObject({ tenantId: 'substrate', entity: 'bridge' })
})

test('a dead letter has neither the token nor, where the topic takes less, the value', () => {
  const record = { key: 'k', value: 'väl', headers: { Authorization: 'Bearer x', a: '1' } }
  const reason = { code: 'bridge.record-invalid', reason: 'r'.repeat(900), origin: 't/0/1' }

  const letter = deadLetterRecord('dead', record, reason)

  expect(Object.keys(letter.headers)).not.toContain('Authorization')
  expect(letter.headers['dead-letter-reason']).toHaveLength(500)
  expect(withoutValue(letter)).toMatchObject({
    value: null,
    headers: { a: '1', 'dead-letter-value-bytes': '4', 'dead-letter-origin': 't/0/1' },
  })
})

test('records go in their order, in requests that a broker takes', () => {
  const sizes = [10, 400_000, 400_000, 2_000_000, 400_000, 10]
  const records = sizes.map((size, nth) => ({
    topic: 't',
    key: 'k',
    value: 'ü'.repeat(size / 2),
    headers: { 'message-id': String(nth) },
  }))

  const requests = requestsOf(records)

  expect(requests.flat()).toEqual(records)
  expect(requests.map((some) => some.map(({ headers }) => headers['message-id']))).toEqual([
    ['0', '1', '2'],
    ['3'],
    ['4', '5'],
  ])
  expect(requestsOf([])).toEqual([])
})
