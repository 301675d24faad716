import type { ChainSpan } from './chain-audit.ts'
import type { ExportFilter } from './export-filter.ts'

/**
 * What a verified export proves of what is not in it.
 * - `whole-log`: it is the whole log.
 * - `whole-chain`: it is a whole chain; the log ends with the chain's last entry.
 * - `chain-begin`: it is a chain from its first entry on without a gap. Later ones may be missing.
 * - `selection`: any that were asked for may be missing.
 * - `nothing`: it has no entry, and any that were asked for may be missing.
 */
export interface Completeness {
  readonly kind: 'whole-log' | 'whole-chain' | 'chain-begin' | 'selection' | 'nothing'
  /** The same in words, to follow what was asked for and a colon. */
  readonly statement: string
}

export interface Verified {
  readonly filter: ExportFilter
  readonly count: number
  readonly lastIndex: number | undefined
  /** Of the signed log. */
  readonly size: number
  /** The chain of the entries, which has no gap; undefined when they are of none or several. */
  readonly chain: ChainSpan | undefined
}

export function completenessOf({ filter, count, lastIndex, size, chain }: Verified): Completeness {
  if (count === size) return { kind: 'whole-log', statement: 'nothing is left out' }
  if (count === 0) {
    const statement = 'the file has no entry of it, and that there is none it does not prove'
    return { kind: 'nothing', statement }
  }
  if (!isWholeChains(filter) || chain === undefined) {
    return {
      kind: 'selection',
      statement: 'that nothing is left out, no file of a part can prove',
    }
  }
  const numbers = `numbers ${chain.first} to ${chain.last} are all here`
  const between = `nothing between its entries is left out: ${numbers}`
  if (lastIndex === size - 1) {
    const statement = `${between}, and the last one is the last entry of the log`
    return { kind: 'whole-chain', statement }
  }
  const doubt = `whether later ones are in the log of ${size} entries is not proven`
  return { kind: 'chain-begin', statement: `${between}; ${doubt}` }
}

/** Whether no entry of the chains that are in the file can be left out before its last one. */
export function isWithoutGaps(filter: ExportFilter, count: number, size: number): boolean {
  return isWholeChains(filter) || count === size
}

function isWholeChains(filter: ExportFilter): boolean {
  return Object.keys(filter).every((name) => name === 'chain')
}
