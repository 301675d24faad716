import type { Observed } from './formula.ts'

/** Some engrams, in the order of their recording, as a thousand selections look at them. */
export interface EngramPage {
  readonly engrams: readonly Observed[]
  /** When each was observed, in milliseconds of the epoch. */
  readonly observedAtMs: Float64Array
  /** What each says of the measure; NaN where it says nothing. */
  amountsOf(measure: string): Float64Array
}

/**
 * The columns of a page are made once, not by each selection: to find a measure in an engram costs
 * several times what it costs to add it up.
 */
function openColumns(engrams: readonly Observed[]): EngramPage {
  const columns = new Map<string, Float64Array>()
  return {
    engrams,
    observedAtMs: Float64Array.from(engrams, (engram) => engram.observedAtMs),
    amountsOf(measure) {
      const known = columns.get(measure)
      if (known !== undefined) return known
      const amounts = Float64Array.from(engrams, ({ measures }) => measures.get(measure) ?? NaN)
      columns.set(measure, amounts)
      return amounts
    },
  }
}

/** Of these engrams those of some kinds, all where none are named. */
export function openPage(
  engrams: readonly Observed[],
): (kinds: readonly string[] | undefined) => EngramPage {
  const all = openColumns(engrams)
  const none = openColumns([])
  const byKind = new Map<string, EngramPage>()
  for (const [kind, ofKind] of groupByKind(engrams)) byKind.set(kind, openColumns(ofKind))
  return (kinds) => {
    if (kinds === undefined) return all
    const [kind, ...others] = kinds
    if (kind !== undefined && others.length === 0) return byKind.get(kind) ?? none
    const meant = new Set(kinds)
    return openColumns(engrams.filter((engram) => meant.has(engram.kind)))
  }
}

function groupByKind(engrams: readonly Observed[]): Map<string, Observed[]> {
  const groups = new Map<string, Observed[]>()
  for (const engram of engrams) {
    const others = groups.get(engram.kind)
    if (others === undefined) groups.set(engram.kind, [engram])
    else others.push(engram)
  }
  return groups
}
