import type { LeafEntry } from './entry.ts'
import type { ExportFilter } from './export-filter.ts'

/**
 * Holds entries to a filter that is known only behind the last of them. Keeps what they have in
 * common, and where that ended: the first entry and a few numbers, however many there are.
 */
export interface FilterAudit {
  add(index: number, entry: LeafEntry): void
  /** The first thing that was not asked for, as a sentence; undefined when all of it was. */
  mismatch(filter: ExportFilter): string | undefined
}

const FIELDS: Readonly<Record<string, (entry: LeafEntry) => string>> = {
  chain: ({ chain }) => chain,
  actor: ({ actor }) => storable(actor.id),
  action: ({ action }) => action,
  target: ({ target }) => storable(target),
  phase: ({ phase }) => phase,
  trace: ({ trace }) => trace,
}
const VALUES = Object.entries(FIELDS)
const ALL_UNDER = '.*'

interface Placed {
  readonly index: number
  readonly entry: LeafEntry
}

export function openFilterAudit(): FilterAudit {
  let [first, earliest, latest]: (Placed | undefined)[] = []
  /** By field, the first entry that has another value than the first one. */
  const others = new Map<string, number>()
  /** How much of the first action all entries begin with; each time it became less, and where. */
  const cuts: { length: number; index: number }[] = []

  function oddOne(name: string, wanted: string): number | undefined {
    if (first === undefined || earliest === undefined || latest === undefined) return undefined
    if (name === 'from') return earliest.entry.time < wanted ? earliest.index : undefined
    if (name === 'until') return latest.entry.time >= wanted ? latest.index : undefined
    if (name === 'action' && wanted.endsWith(ALL_UNDER)) {
      const begin = wanted.slice(0, 1 - ALL_UNDER.length)
      if (!first.entry.action.startsWith(begin)) return first.index
      return cuts.find(({ length }) => length < begin.length)?.index
    }
    return FIELDS[name]?.(first.entry) === storable(wanted) ? others.get(name) : first.index
  }

  return {
    add(index, entry) {
      const placed = { index, entry }
      first ??= placed
      if (earliest === undefined || entry.time < earliest.entry.time) earliest = placed
      if (latest === undefined || entry.time > latest.entry.time) latest = placed
      for (const [name, valueOf] of VALUES) {
        if (!others.has(name) && valueOf(entry) !== valueOf(first.entry)) others.set(name, index)
      }
      const { action } = first.entry
      const length = sharedLength(action.slice(0, cuts.at(-1)?.length), entry.action)
      if (length < (cuts.at(-1)?.length ?? action.length)) cuts.push({ length, index })
    },
    mismatch(filter) {
      for (const [name, wanted] of Object.entries(filter)) {
        const index = oddOne(name, wanted)
        if (index === undefined) continue
        return `Entry ${index} is not of what the trailer says was asked for: ${name} ${wanted}.`
      }
      return undefined
    },
  }
}

function sharedLength(one: string, other: string): number {
  if (other.startsWith(one)) return one.length
  let at = 0
  while (one[at] === other[at]) at += 1
  return at
}

// The ledger searches by text that PostgreSQL can hold, which U+0000 is not.
function storable(text: string): string {
  return text.replaceAll('\u0000', '\ufffd')
}
