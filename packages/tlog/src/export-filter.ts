import { isTime } from './entry.ts'

/**
 * What an export was asked for. All that is named holds of each entry; `{}` is the whole log. An
 * `action` with `.*` at its end is all that are under it; `from` is this time or later, `until`
 * before it.
 */
export type ExportFilter = Readonly<Partial<Record<FilterKey, string>>>

type FilterKey = 'chain' | 'actor' | 'action' | 'target' | 'phase' | 'trace' | 'from' | 'until'

const TEXT_MAX = 8_192
const CHAIN = /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/
const ACTION = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*(\.[a-z][a-z0-9-]*|\.\*)$/
const PHASE = /^(fact|intent|outcome)$/
const TRACE = /^[0-9a-f]{32}$/

// As the contract of the ledger's export has them; no text is longer than an entry is.
const RULES: Readonly<Record<FilterKey, (text: string) => boolean>> = {
  chain: isChainName,
  actor: (text) => text !== '',
  action: (text) => ACTION.test(text),
  target: (text) => /^[a-z][a-z0-9-]*:\S+$/.test(text),
  phase: (text) => PHASE.test(text),
  trace: (text) => TRACE.test(text),
  from: isTime,
  until: isTime,
}

/** The names of a filter, in the order in which an export writes them. */
export const FILTER_KEYS = Object.keys(RULES)

/** Whether this can be the name of a chain: a tenant's id, or `substrate`. */
export function isChainName(text: string): boolean {
  return CHAIN.test(text)
}

/** @throws TypeError naming the field that is unknown or wrong */
export function parseFilter(fields: Readonly<Record<string, unknown>>): ExportFilter {
  for (const [name, value] of Object.entries(fields)) {
    const rule = FILTER_KEYS.includes(name) ? RULES[name as FilterKey] : undefined
    if (rule === undefined)
      throw new TypeError(`its filter has the unknown key "${name.slice(0, 40)}"`)
    if (typeof value !== 'string' || value.length > TEXT_MAX || !rule(value)) {
      throw new TypeError(`its filter's ${name} is wrong`)
    }
  }
  // Each name and text was checked above.
  return fields
}
