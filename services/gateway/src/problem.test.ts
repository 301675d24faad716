import { expect, test } from '@jest/globals'
import { AppError } from '@mumega/errors'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { faultOf } from '@mumega/contracts/faults'
import { complaintsOf } from '@mumega/contracts/variants'
import { EngramContent } from '@mumega/contracts/engrams'
import { Formula } from '@mumega/contracts/objective-content'
import { failureOf, invalidValue, problemOf } from './problem.ts'

test('a bug shows nothing of its text', () => {
  const bugs = [
    new Error('select * from tokens where secret = 1'),
    new AppError('bus.bug', 'bug', 'stack of secrets'),
    'a string',
    undefined,
  ]
  for (const bug of bugs) {
    const { code, status, detail, facts } = failureOf(bug)
    expect([code, status]).toEqual(['gateway.internal-error', 500])
    expect(detail).toMatch(/^This is a mistake of ours/)
    expect(facts).toEqual({})
  }
})

test('the details of an error cannot take the place of the problem’s own members', () => {
  const details = { status: 200, code: 'fine', traceId: 'x', limitBytes: 5 }
  const error = new AppError('bridge.text-too-large', 'too-large', 'Too long.', { details })

  expect(problemOf(failureOf(error), 'abc')).toEqual({
    type: 'urn:mumega:error:bridge.text-too-large',
    title: 'Text too large',
    status: 413,
    detail: 'Too long.',
    code: 'bridge.text-too-large',
    instance: 'urn:mumega:trace:abc',
    traceId: 'abc',
    limitBytes: 5,
  })
})

test('a request id that was used before is told as the key that the caller knows', () => {
  const error = new AppError('db.request-id-reused', 'unprocessable', 'This request id …')

  expect(failureOf(error)).toMatchObject({ code: 'gateway.idempotency-key-reused', status: 422 })
})

test('of a list that is longer than any may be the beginning is judged', () => {
  const validator = Compile(Type.Array(Type.String(), { maxItems: 20, uniqueItems: true }))
  const judged: number[] = []
  const watched = {
    Errors(value: unknown) {
      if (Array.isArray(value)) judged.push(value.length)
      return complaintsOf(validator, value)
    },
  }

  const complaints = complaintsOf(watched, Array<string>(1_000_000).fill('x'))

  expect(judged).toEqual([1_001])
  expect(complaints.map(({ keyword }) => keyword)).toContain('maxItems')
})

test('of a list within another even less is judged', () => {
  let judged = 0
  const watched = {
    Errors(value: unknown) {
      judged = JSON.stringify(value).length
      return []
    },
  }
  const tags = Array<string>(1_000).fill('x')
  complaintsOf(watched, { keyResults: Array(14).fill({ formula: { of: { tags } } }) })
  expect(judged).toBeLessThan(14 * 500)
})

test('a value that is nested deep is refused by its field, wherever it stands', () => {
  const deep = JSON.parse('['.repeat(30_000) + ']'.repeat(30_000)) as unknown
  const complaints = complaintsOf(Compile(Type.Object({ a: Type.String() })), { a: deep })
  expect(faultOf(complaints, 'body')).toEqual({ field: 'a', reason: 'must be string' })
  const engram = { kind: 'a', tier: 'public', tags: [deep] }
  const ofTags = complaintsOf(Compile(EngramContent), engram)
  expect(faultOf(ofTags, 'body')).toMatchObject({ field: 'tags.0' })
})

const KINDS = 'count, sum, latest, average, ratio, milestone'

test.each([
  [{ kind: 'median', of: {} }, 'kind', `kind must be one of ${KINDS}.`],
  [{ of: {} }, 'kind', 'kind is missing.'],
  [{ kind: 'count', of: { windowDays: 0 } }, 'of.windowDays', 'of.windowDays must be >= 1.'],
  [{ kind: 'sum', of: {} }, 'measure', 'measure is missing.'],
  [{ kind: 'count', of: {}, measure: 'x' }, 'measure', 'measure is not a known field.'],
  [{ kind: 'milestone', of: { kind: 'x' } }, 'of.kind', 'of.kind is not a known field.'],
  [
    { kind: 'ratio', numerator: { of: {} }, denominator: {} },
    'denominator.of',
    'denominator.of is missing.',
  ],
  [7, 'body', 'body must be object.'],
])(
  'of what may be one of several kinds, %j, the field of its own kind is named',
  (value, field, detail) => {
    const failure = failureOf(invalidValue(complaintsOf(Compile(Formula), value), 'body'))

    expect(failure).toMatchObject({ code: 'gateway.invalid-request', detail, facts: { field } })
  },
)

test.each([
  [{ amount: '29' }, 'measures.amount must be number.'],
  [{ Amount: 29 }, 'measures.Amount must be a lower-case letter, then at most 62 letters'],
])('of a map, %j, what is wrong with its value is said', (measures, detail) => {
  const said = complaintsOf(Compile(EngramContent), { kind: 'a', tier: 'public', measures })

  expect(failureOf(invalidValue(said, 'body')).detail).toContain(detail)
})
