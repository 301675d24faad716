import { CITED_MAX } from '@mumega/contracts/progress'
import type { EngramSelector, Formula, KeyResult } from '@mumega/contracts/objective-content'
import { SUBSTRATE } from '@mumega/contracts/scalars'

/** Of a ratio; sums and measures stay below. A forecast of it is finite. */
const VALUE_MAX = 1e30

/** What a formula sees of an engram. */
export interface Observed {
  readonly engramId: string
  readonly kind: string
  readonly tags: ReadonlySet<string>
  readonly measures: Readonly<Record<string, number>>
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

/** One selector of a formula at work. */
export interface Selection {
  readonly of: EngramSelector
  readonly window: Window
  /** Told of an engram of one of its kinds. */
  take(engram: Observed): void
}

export interface Computation {
  readonly selections: readonly Selection[]
  /** Once every engram was taken, in the order of their recording. */
  result(): Computed
}

/** What of a formula selects engrams: one side, or two of a ratio. */
export interface FormulaSide {
  readonly of: EngramSelector
  /** Engrams without it do not fit. */
  readonly measure: string | undefined
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
  readonly sides: readonly (Side & { readonly selection: Selection })[]
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
    selections: tally.sides.map(({ selection }) => selection),
    result() {
      const value = valueOf(keyResult, tally.sides)
      return { ...tally.cited.read(), ...(value !== undefined && { value }) }
    },
  }
}

function openTally(sides: readonly (FormulaSide & { window: Window })[]): Tally {
  const cited = openCitations()
  return {
    cited,
    sides: sides.map((side) => {
      const figures = openFigures()
      const selection = openSelection(side, cited, figures)
      return { selection, figures, amount: side.measure === undefined ? 'count' : 'sum' }
    }),
  }
}

interface Side {
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

function openSelection(
  { of, measure, window }: FormulaSide & { window: Window },
  cited: Citations,
  figures: Figures,
): Selection {
  const { fromMs, toMs } = window
  const tags = of.tags ?? []
  return {
    of,
    window,
    take(engram) {
      const { observedAtMs } = engram
      if (observedAtMs < fromMs || observedAtMs >= toMs) return
      for (const tag of tags) if (!engram.tags.has(tag)) return
      // Without the measure it says nothing of it. A measure may be called `constructor`.
      if (measure !== undefined && !Object.hasOwn(engram.measures, measure)) return
      figures.take(measure === undefined ? 0 : (engram.measures[measure] ?? 0), observedAtMs)
      cited.take(engram)
    },
  }
}

interface Figures {
  take(amount: number, observedAtMs: number): void
  count(): number
  sum(): number
  latest(): number | undefined
}

/** Sums as Neumaier does: what rounding takes away is kept aside, so that cents stay cents. */
function openFigures(): Figures {
  let count = 0
  let sum = 0
  let lost = 0
  let latest: number | undefined
  let latestAtMs = -Infinity
  return {
    take(amount, observedAtMs) {
      count += 1
      const next = sum + amount
      lost += Math.abs(sum) >= Math.abs(amount) ? sum - next + amount : amount - next + sum
      sum = next
      // Of two at the same time the one that was recorded later.
      if (observedAtMs < latestAtMs) return
      latestAtMs = observedAtMs
      latest = amount
    },
    count: () => count,
    sum: () => sum + lost,
    latest: () => latest,
  }
}

interface Citations {
  take(engram: Observed): void
  read(): Omit<Computed, 'value'>
}

function openCitations(): Citations {
  const ring: string[] = []
  let engrams = 0
  let last = ''
  let newestAtMs = -Infinity
  return {
    take({ engramId, observedAtMs }) {
      // Both sides of a ratio may fit it.
      if (engramId === last) return
      last = engramId
      ring[engrams % CITED_MAX] = engramId
      engrams += 1
      if (observedAtMs > newestAtMs) newestAtMs = observedAtMs
    },
    read() {
      const newest = Array.from(
        { length: Math.min(engrams, CITED_MAX) },
        (_, nth) => ring[(engrams - 1 - nth) % CITED_MAX] as string,
      )
      return { engrams, newest, ...(engrams > 0 && { newestAtMs }) }
    },
  }
}

/** Gives each engram once to each of the selections that its kind concerns. */
export function openPass(selections: readonly Selection[]): (engram: Observed) => void {
  const byKind = new Map<string, Selection[]>()
  const ofAnyKind: Selection[] = []
  for (const selection of new Set(selections)) {
    const { kinds } = selection.of
    if (kinds === undefined) ofAnyKind.push(selection)
    for (const kind of kinds ?? []) {
      const others = byKind.get(kind)
      if (others === undefined) byKind.set(kind, [selection])
      else others.push(selection)
    }
  }
  return (engram) => {
    for (const selection of byKind.get(engram.kind) ?? []) selection.take(engram)
    for (const selection of ofAnyKind) selection.take(engram)
  }
}
