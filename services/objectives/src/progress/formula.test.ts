import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { EngramSelector, Formula } from '@mumega/contracts/objective-content'
import { CITED_MAX } from '@mumega/contracts/progress'
import { openPage } from './engram-page.ts'
import { openFormula, type Observed, type Tallies } from './formula.ts'

const NOW = 1_000
const PAGE = 7
const KINDS = ['payment', 'refund', 'visit']
const TAGS = ['eu', 'us', 'web']
const MEASURES = ['amount', 'constructor']

/** Amounts in whole cents, so that the naive side can add without rounding. */
const engrams = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    tags: fc.subarray(TAGS),
    cents: fc.dictionary(fc.constantFrom(...MEASURES), fc.integer({ min: -99_999, max: 99_999 }), {
      noNullPrototype: true,
    }),
    observedAtMs: fc.integer({ min: 0, max: 1_200 }),
  }),
  // More than are cited, and than one page.
  { maxLength: 60, size: 'max' },
)
const selector: fc.Arbitrary<EngramSelector> = fc.record(
  {
    kinds: fc.subarray(KINDS, { minLength: 1 }),
    tags: fc.subarray(TAGS, { minLength: 1 }),
    windowDays: fc.integer({ min: 1, max: 900 }),
  },
  { requiredKeys: [] },
)
const measure = fc.constantFrom(...MEASURES)
const startMs = fc.constantFrom(0, 300)

function formulaOf(of: fc.Arbitrary<EngramSelector>): fc.Arbitrary<Formula> {
  const side = fc.record({ of, measure }, { requiredKeys: ['of'] })
  return fc.oneof(
    fc.record({ kind: fc.constantFrom('count' as const, 'milestone' as const), of }),
    fc.record({
      kind: fc.constantFrom('sum' as const, 'latest' as const, 'average' as const),
      ...{ measure, of },
    }),
    fc.record({ kind: fc.constant('ratio' as const), numerator: side, denominator: side }),
  )
}

/** Of two selectors, so that many look at the same engrams. */
const formulas = fc
  .tuple(selector, selector)
  .chain((two) =>
    fc.array(fc.record({ formula: formulaOf(fc.constantFrom(...two)), startMs }), { maxLength: 8 }),
  )

type Given = { kind: string; tags: string[]; cents: Record<string, number>; observedAtMs: number }
type Numbered = Given & { id: string; nth: number }

/** A formula, and when the period of its objective begins. */
interface Said {
  readonly formula: Formula
  readonly startMs: number
}

// In these tests a day is a millisecond.
const windowFrom =
  (startMs: number) =>
  ({ windowDays }: EngramSelector) => ({
    fromMs: windowDays === undefined ? startMs : NOW - windowDays,
    toMs: NOW,
  })

/** As one would say it: filter, then count. */
function naive(
  { formula: said, startMs }: Said,
  all: readonly Numbered[],
): { cents?: number; ids: Set<string> } {
  const fitting = (of: EngramSelector, by?: string) =>
    all.filter(
      ({ kind, tags, cents, observedAtMs }) =>
        (of.kinds === undefined || of.kinds.includes(kind)) &&
        (of.tags ?? []).every((tag) => tags.includes(tag)) &&
        observedAtMs >= windowFrom(startMs)(of).fromMs &&
        observedAtMs < NOW &&
        (by === undefined || Object.keys(cents).includes(by)),
    )
  const sum = (list: readonly Numbered[], by: string) =>
    list.reduce((total, { cents }) => total + (cents[by] ?? 0), 0)
  const idsOf = (...lists: (readonly Numbered[])[]) => new Set(lists.flat().map(({ id }) => id))
  if (said.kind === 'ratio') {
    const [above, below] = [said.numerator, said.denominator].map(({ of, measure: by }) => {
      const list = fitting(of, by)
      return { list, amount: by === undefined ? list.length * 100 : sum(list, by) }
    }) as [{ list: Numbered[]; amount: number }, { list: Numbered[]; amount: number }]
    const ids = idsOf(above.list, below.list)
    return below.amount === 0 ? { ids } : { ids, cents: (above.amount / below.amount) * 100 }
  }
  const by = 'measure' in said ? said.measure : undefined
  const list = fitting(said.of, by)
  const ids = idsOf(list)
  if (said.kind === 'count') return { ids, cents: list.length * 100 }
  if (said.kind === 'milestone') return { ids, cents: list.length > 0 ? 1_000 : 300 }
  if (by === undefined) throw new Error('without a measure')
  if (said.kind === 'sum') return { ids, cents: sum(list, by) }
  if (list.length === 0) return { ids }
  if (said.kind === 'average') return { ids, cents: sum(list, by) / list.length }
  const [last] = list.toSorted((a, b) => b.observedAtMs - a.observedAtMs || b.nth - a.nth)
  return { ids, cents: last?.cents[by] ?? 0 }
}

/** All of them in one pass: those that look at the same engrams share what they see. */
function computed(said: readonly Said[], all: readonly Numbered[]) {
  const tallies: Tallies = new Map()
  const computations = said.map(({ formula, startMs }) =>
    openFormula({ formula, baseline: 3, target: 10 }, windowFrom(startMs), tallies),
  )
  const seen = all.map(({ id, kind, tags, cents, observedAtMs }): Observed => {
    const measures = Object.entries(cents).map(([name, c]) => [name, c / 100] as const)
    return { engramId: id, kind, tags: new Set(tags), measures: new Map(measures), observedAtMs }
  })
  // As they come: a page after the other.
  for (let begin = 0; begin < seen.length; begin += PAGE) {
    const pageOf = openPage(seen.slice(begin, begin + PAGE))
    for (const selection of new Set(computations.flatMap(({ selections }) => selections))) {
      selection.take(pageOf(selection.kinds))
    }
  }
  return computations.map((computation) => computation.result())
}

test('every formula gives what a naive computation gives, from the engrams that it names', () => {
  fc.assert(
    fc.property(formulas, engrams, (said, given) => {
      const all = given.map((one, nth) => ({ ...one, id: `e${nth}`, nth }))

      for (const [which, found] of computed(said, all).entries()) {
        const expected = naive(said[which] as Said, all)
        if (expected.cents === undefined) expect(found.value).toBeUndefined()
        else expect(found.value).toBeCloseTo(expected.cents / 100, 9)
        expect(found.engrams).toBe(expected.ids.size)
        const newest = all.filter(({ id }) => expected.ids.has(id)).toReversed()
        expect(found.newest).toEqual(newest.slice(0, CITED_MAX).map(({ id }) => id))
        expect(found.newestAtMs).toBe(
          newest.length === 0 ? undefined : Math.max(...newest.map((one) => one.observedAtMs)),
        )
      }
    }),
    { numRuns: 400 },
  )
})

test('a million dimes are exactly a hundred thousand dollars', () => {
  const said = { kind: 'sum', measure: 'amount', of: {} } as const
  const computation = openFormula({ formula: said, baseline: 0, target: 1 }, windowFrom(0))
  const dime = (nth: number): Observed => ({
    ...{ engramId: `e${nth}`, kind: 'payment', tags: new Set<string>(), observedAtMs: 5 },
    measures: new Map([['amount', 0.1]]),
  })
  for (let page = 0; page < 1_000; page += 1) {
    const dimes = Array.from({ length: 1_000 }, (_, nth) => dime(page * 1_000 + nth))
    const pageOf = openPage(dimes)
    for (const selection of computation.selections) selection.take(pageOf(selection.kinds))
  }

  expect(computation.result().value).toBe(100_000)
})
