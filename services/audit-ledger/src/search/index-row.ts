import type { LeafEntry } from '@mumega/tlog/entry'

/** What the index holds of one entry. Two rows of one entry are the same text for text. */
export interface IndexRow {
  readonly index: number
  readonly chain: string
  readonly seq: number
  readonly source: string
  readonly id: string
  readonly actorId: string
  readonly actorKind: string
  readonly action: string
  readonly target: string
  readonly phase: string
  readonly closes: string | null
  /** UTC with milliseconds. */
  readonly time: string
  /** 32 hex digits; null where no trace was recorded. */
  readonly trace: string | null
}

const NO_TRACE = '0'.repeat(32)

/** The row of the entry at `index`. Pure. */
export function rowOf(index: number, entry: LeafEntry): IndexRow {
  return {
    index,
    chain: entry.chain,
    seq: entry.seq,
    source: entry.source,
    id: entry.id,
    actorId: storable(entry.actor.id),
    actorKind: entry.actor.kind,
    action: entry.action,
    target: storable(entry.target),
    phase: entry.phase,
    closes: entry.of ?? null,
    time: entry.time,
    trace: entry.trace === NO_TRACE ? null : entry.trace,
  }
}

/** Whether an index row says what its entry says. */
export function isSameRow(one: IndexRow, other: IndexRow): boolean {
  const keys = Object.keys(one) as (keyof IndexRow)[]
  return keys.every((key) => one[key] === other[key])
}

/**
 * PostgreSQL's text cannot hold U+0000, and the log can: it is searched for by what replaces it.
 */
export function storable(text: string): string {
  return text.replaceAll('\u0000', '\ufffd')
}
