import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Value } from 'typebox/value'
import { NamePattern, type SendPolicy, type SendRule } from '@mumega/contracts/send-policy'
import { EVERYBODY_TO_EVERYBODY, isAllowed } from './send-policy.ts'

const KINDS = ['send', 'ask', 'broadcast'] as const
const rule = (from: string, to = '*', more: Partial<SendRule> = {}): SendRule => ({
  from,
  to,
  effect: 'allow',
  ...more,
})
const isFrom = (pattern: string, from: string) =>
  isAllowed({ default: 'deny', rules: [rule(pattern)] }, { from, to: 'x', kind: 'send' })

describe('a pattern', () => {
  test.each([
    ['*', 'a', true],
    ['worker', 'worker', true],
    ['worker', 'worker-1', false],
    ['worker-*', 'worker-1', true],
    ['worker-*', 'worker-1-2', true],
    ['worker-*', 'worker-', true],
    ['worker-*', 'worker', false],
    ['worker-*', 'workers-1', false],
    ['worker-*', 'a-worker-1', false],
    ['w*', 'worker', true],
    [`${'a'.repeat(63)}*`, 'a'.repeat(63), true],
    [`${'a'.repeat(63)}*`, 'a'.repeat(62), false],
  ])('%s names %s: %s', (pattern, name, isNamed) => {
    expect(Value.Check(NamePattern, pattern)).toBe(true)
    expect(isFrom(pattern, name)).toBe(isNamed)
  })

  test.each([
    ['', '**', 'a*b', '*a', 'a**', '-*', '1*', 'Worker-*', 'worker_*', 'worker-*\n', ' *'],
    ['a?', 'a.*', '*\u0000', 'é*', 'a'.repeat(64), `${'a'.repeat(64)}*`],
  ])('that is none is refused: %j and its like', (...patterns) => {
    expect(patterns.filter((each) => Value.Check(NamePattern, each))).toEqual([])
  })
})

describe('a policy', () => {
  test('that is none lets everybody write to everybody', () => {
    for (const kind of KINDS) {
      expect(isAllowed(EVERYBODY_TO_EVERYBODY, { from: 'a', to: 'b', kind })).toBe(true)
    }
  })

  test('with kinds that are not those of the message says nothing of it', () => {
    const rules = [rule('*', '*', { kinds: ['ask', 'send'] })]
    const allowed = KINDS.filter((kind) =>
      isAllowed({ default: 'deny', rules }, { from: 'a', to: 'b', kind }),
    )
    expect(allowed).toEqual(['send', 'ask'])
  })

  test('judges as the first rule that matches, whatever rules there are', () => {
    fc.assert(
      fc.property(policies, sendings, (policy, sending) => {
        expect(isAllowed(policy, sending)).toBe(naively(policy, sending))
      }),
      { numRuns: 2_000 },
    )
  })
})

// Few letters, so that patterns and names often meet.
const names = fc.stringMatching(/^[ab][ab-]{0,3}$/)
const patterns = fc.oneof(
  fc.constant('*'),
  names,
  names.map((name) => `${name}*`),
)
const effects = fc.constantFrom('allow' as const, 'deny' as const)
const kinds = fc.constantFrom(...KINDS)
const rules = fc.record(
  {
    from: patterns,
    to: patterns,
    effect: effects,
    kinds: fc.uniqueArray(kinds, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['from', 'to', 'effect'] },
)
const policies = fc.record({ default: effects, rules: fc.array(rules, { maxLength: 8 }) })
const sendings = fc.record({ from: names, to: names, kind: kinds })
type Sending = typeof sendings extends fc.Arbitrary<infer Value> ? Value : never

/** From the last rule to the first, each that matches overruling those behind it. */
function naively({ default: verdict, rules: all }: SendPolicy, sending: Sending): boolean {
  let isSo = verdict === 'allow'
  for (const each of [...all].reverse()) {
    const isOfKind = (each.kinds ?? KINDS).some((kind) => kind === sending.kind)
    const isOfPair = asRegExp(each.from).test(sending.from) && asRegExp(each.to).test(sending.to)
    if (isOfKind && isOfPair) isSo = each.effect === 'allow'
  }
  return isSo
}

const asRegExp = (pattern: string) => new RegExp(`^${pattern.replace('*', '.*')}$`)
