import type { PlacedEntry } from './chain-check.ts'
import type { PassFindings } from './finding.ts'

/** A row of `event_keys`. */
export interface StoredKey {
  readonly source: string
  readonly id: string
  readonly chain: string
  readonly seq: number
  readonly index: number
  readonly number: number
  /** In latin1. */
  readonly intentHash: string
}

/** What the key table holds where an entry's key should stand. */
export interface FoundKeys {
  /** At its chain and sequence. */
  readonly byPlace: StoredKey | undefined
  /** With its source and id; looked up only where the other one is not its key. */
  readonly byId: StoredKey | undefined
}

export function keyPlace({ source, id }: Pick<StoredKey, 'source' | 'id'>): string {
  return `key ${source}/${id}`
}

/** Whether the key is at the place of this entry, and nothing of it is left to compare. */
export function isKeyOf(key: StoredKey | undefined, { entry, index }: PlacedEntry): boolean {
  return key?.source === entry?.source && key?.id === entry?.id && key?.index === index
}

/**
 * Compares an entry with its key. Returns the key that is the entry's own; undefined where none is.
 */
export function checkKey(
  findings: PassFindings,
  placed: PlacedEntry,
  { byPlace, byId }: FoundKeys,
): StoredKey | undefined {
  const { entry, index } = placed
  if (entry === undefined || placed.isInDoubt) {
    findings.hide()
    return undefined
  }
  if (isKeyOf(byPlace, placed)) return byPlace
  const own = byPlace?.source === entry.source && byPlace.id === entry.id ? byPlace : byId
  const place = keyPlace(entry)
  const expected = `${entry.chain}, seq ${entry.seq}, entry ${index}`
  if (own !== undefined) {
    findings.report({ kind: 'key-altered', place, expected, found: describe(own) })
    if (byPlace !== undefined && byPlace !== own) reportExtra(findings, byPlace)
    return own
  }
  if (byPlace === undefined) {
    findings.report({ kind: 'key-missing', place, expected, found: 'no row' })
    return undefined
  }
  // The one at its place carries another name: it is this entry's own as long as it points to it.
  const found = `${byPlace.source}/${byPlace.id}, ${describe(byPlace)}`
  if (byPlace.index === index) {
    findings.report({ kind: 'key-altered', place, expected: `${place}, ${expected}`, found })
    return byPlace
  }
  findings.report({ kind: 'key-missing', place, expected, found })
  return undefined
}

/** A key that no entry has. */
export function reportExtra(findings: PassFindings, key: StoredKey | ChainKey): void {
  const { chain, seq, index } = key
  const found = describe({ chain, seq, index })
  findings.report({ kind: 'key-extra', place: keyPlace(key), expected: 'no row', found })
}

/** What of a key is read where a chain's end is looked at. */
export type ChainKey = Pick<StoredKey, 'source' | 'id' | 'chain' | 'seq' | 'index'>

export function describe({ chain, seq, index }: Pick<StoredKey, 'chain' | 'seq' | 'index'>) {
  return `${chain}, seq ${seq}, entry ${index}`
}
