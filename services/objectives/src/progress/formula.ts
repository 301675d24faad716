import { CITED_MAX } from '@mumega/contracts/progress'
import type { EngramSelector, Formula, KeyResult } from '@mumega/contracts/objective-content'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import type { EngramPage } from './engram-page.ts'

/** Of a ratio; sums and measures stay below. A forecast of it is finite. */
const VALUE_MAX = 1e30

/** What a formula sees of an engram. */
export interface Observed {
  readonly engramId: string
  readonly kind: string
  readonly tags: ReadonlySet<string>
  readonly measures: ReadonlyMap<string, number>
  readonly observedAtMs: number
}

/** Milliseconds of the epoch, the end not included. */
export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** What a formula made of the engrams that fit it. */
export interface Computed {
  /** Absent where the formula gives none. */
  readonly value?: number
  readonly engrams: number
  /** The last recorded of them, the last one first. */
  readonly newest: readonly string[]
  /** When the newest of them was observed. */
  readonly newestAtMs?: number
}

/** The sides of a formula that look at the engrams of one tenant, at work. */
export interface Selection {
  readonly sides: readonly SeenSide[]
  /** All kinds that they look at; absent where that is every kind. */
  readonly kinds: readonly string[] | undefined
  /** Told of all engrams of these kinds, in the order of their recording, a page at a time. */
  take(page: EngramPage): void
}

export interface Computation {
  readonly selections: readonly Selection[]
  /** Once every engram was taken. */
  result(): Computed
}

/** What of a formula selects engrams: one side, or two of a ratio. */
export interface FormulaSide {
  readonly of: EngramSelector
  /** Engrams without it do not fit. */
  readonly measure: string | undefined
}

export interface SeenSide extends FormulaSide {
  readonly window: Window
}

export function sidesOf(formula: Formula): FormulaSide[] {
  const sides = formula.kind === 'ratio' ? [formula.numerator, formula.denominator] : [formula]
  return sides.map((side) => ({
    of: side.of,
    measure: 'measure' in side ? side.measure : undefined,
  }))
}

/** Whose engrams a side of a tenant's formula looks at: only the substrate names others. */
export function sourceOf(tenantId: string, of: EngramSelector): string {
  return tenantId === SUBSTRATE ? (of.tenantId ?? SUBSTRATE) : tenantId
}

/** What the engrams that fit come to, for every formula with the same sides and windows. */
interface Tally {
  readonly selections: readonly Selection[]
  readonly sides: readonly Side[]
  readonly cited: Citations
}

/** By what they tally. */
export type Tallies = Map<string, Tally>

/**
 * A key result's formula at work, over engrams that come in the order of their recording. Key
 * results that look at the same engrams share what is in `tallies`, and their selections.
 */
export function openFormula(
  keyResult: Pick<KeyResult, 'formula' | 'baseline' | 'target'>,
  windowOf: (selector: EngramSelector) => Window,
  tallies: Tallies = new Map(),
): Computation {
  const sides = sidesOf(keyResult.formula).map((side) => ({ ...side, window: windowOf(side.of) }))
  const key = JSON.stringify(sides)
  const tally = tallies.get(key) ?? openTally(sides)
  tallies.set(key, tally)
  return {
    selections: tally.selections,
    result() {
      const value = valueOf(keyResult, tally.sides)
      return { ...tally.cited.read(), ...(value !== undefined && { value }) }
    },
  }
}

function openTally(seen: readonly SeenSide[]): Tally {
  const cited = openCitations()
  const sides = seen.map(openSide)
  const sources = new Set(seen.map(({ of }) => of.tenantId))
  const selections = [...sources].map((source) =>
    openSelection(
      sides.filter(({ of }) => of.tenantId === source),
      cited,
    ),
  )
  return { selections, sides, cited }
}

interface Side extends SeenSide {
  readonly figures: Figures
  /** What a ratio takes of it. */
  readonly amount: 'count' | 'sum'
}

function valueOf(
  { formula, baseline, target }: Pick<KeyResult, 'formula' | 'baseline' | 'target'>,
  sides: readonly Side[],
): number | undefined {
  const [first, second] = sides.map(({ figures, amount }) => ({
    figures,
    amount: figures[amount](),
  }))
  if (first === undefined) throw new TypeError('a formula has a side')
  const { figures, amount } = first
  switch (formula.kind) {
    case 'count':
    case 'sum':
      return amount
    case 'latest':
      return figures.latest()
    case 'average':
      return quotient(amount, figures.count())
    case 'milestone':
      return figures.count() > 0 ? target : baseline
    case 'ratio':
      return quotient(amount, second?.amount ?? 0)
  }
}

/** What is divided by nothing, or nearly, is no figure. */
function quotient(above: number, below: number): number | undefined {
  const value = above / below
  return below !== 0 && Math.abs(value) <= VALUE_MAX ? value : undefined
}

function openSide(seen: SeenSide): Side {
  return { ...seen, figures: openFigures(), amount: seen.measure === undefined ? 'count' : 'sum' }
}

function openSelection(sides: readonly Side[], cited: Citations): Selection {
  return {
    sides,
    kinds: kindsOf(sides),
    take(page) {
      const { engrams, observedAtMs } = page
      const readers = sides.map((side) => ({ side, amountOf: amountsOf(side, page) }))
      for (let nth = 0; nth < engrams.length; nth += 1) {
        let isCited = false
        for (const { side, amountOf } of readers) {
          const amount = amountOf(nth)
          if (Number.isNaN(amount)) continue
          side.figures.take(amount, observedAtMs[nth] as number)
          isCited = true
        }
        if (isCited) cited.take(nth, observedAtMs[nth] as number)
      }
      cited.endPage(page)
    },
  }
}

/** What the nth engram of a page counts for; NaN where it does not fit. */
function amountsOf({ of, measure, window }: SeenSide, page: EngramPage): (nth: number) => number {
  const { fromMs, toMs } = window
  const { engrams, observedAtMs } = page
  const kinds = of.kinds && new Set(of.kinds)
  const tags = of.tags ?? []
  // Without the measure an engram says nothing of it.
  const amounts = measure === undefined ? undefined : page.amountsOf(measure)
  return (nth) => {
    const atMs = observedAtMs[nth] as number
    if (atMs < fromMs || atMs >= toMs) return NaN
    if (kinds !== undefined || tags.length > 0) {
      const engram = engrams[nth] as Observed
      if (kinds !== undefined && !kinds.has(engram.kind)) return NaN
      for (const tag of tags) if (!engram.tags.has(tag)) return NaN
    }
    return amounts === undefined ? 0 : (amounts[nth] as number)
  }
}

interface Figures {
  take(amount: number, observedAtMs: number): void
  count(): number
  sum(): number
  latest(): number | undefined
}

/**
 * Sums as Neumaier does: what rounding takes away is kept aside, so that cents stay cents. Fields
 * of an object, here and below: a number in a closure would be a new object for each engram.
 */
function openFigures(): Figures {
  const seen = { count: 0, sum: 0, lost: 0, latest: NaN, latestAtMs: -Infinity }
  return {
    take(amount, observedAtMs) {
      const { sum } = seen
      const next = sum + amount
      seen.count += 1
      seen.sum = next
      seen.lost += Math.abs(sum) >= Math.abs(amount) ? sum - next + amount : amount - next + sum
      // Of two at the same time the one that was recorded later.
      if (observedAtMs < seen.latestAtMs) return
      seen.latest = amount
      seen.latestAtMs = observedAtMs
    },
    count: () => seen.count,
    sum: () => seen.sum + seen.lost,
    latest: () => (seen.count === 0 ? undefined : seen.latest),
  }
}

interface Citations {
  /** The nth engram of a page fits. */
  take(nth: number, observedAtMs: number): void
  endPage(page: EngramPage): void
  read(): Omit<Computed, 'value'>
}

function openCitations(): Citations {
  const ring: string[] = []
  const seen = { engrams: 0, newestAtMs: -Infinity }
  const ofPage = { fitting: 0, last: new Uint32Array(CITED_MAX) }
  return {
    take(nth, observedAtMs) {
      ofPage.last[ofPage.fitting % CITED_MAX] = nth
      ofPage.fitting += 1
      if (observedAtMs > seen.newestAtMs) seen.newestAtMs = observedAtMs
    },
    endPage(page) {
      const { fitting, last } = ofPage
      for (let one = Math.max(0, fitting - CITED_MAX); one < fitting; one += 1) {
        const engram = page.engrams[last[one % CITED_MAX] as number] as Observed
        ring[(seen.engrams + one) % CITED_MAX] = engram.engramId
      }
      seen.engrams += fitting
      ofPage.fitting = 0
    },
    read() {
      const { engrams, newestAtMs } = seen
      const newest = Array.from(
        { length: Math.min(engrams, CITED_MAX) },
        (_, nth) => ring[(engrams - 1 - nth) % CITED_MAX] as string,
      )
      return { engrams, newest, ...(engrams > 0 && { newestAtMs }) }
    },
  }
}

/** All that these look at; undefined where that is every kind. */
export function kindsOf(sides: readonly FormulaSide[]): string[] | undefined {
  if (sides.some(({ of }) => of.kinds === undefined)) return undefined
  return [...new Set(sides.flatMap(({ of }) => of.kinds ?? []))]
}
