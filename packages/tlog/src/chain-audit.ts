import { entryHash, GENESIS, type LeafEntry } from './entry.ts'

/** Follows every chain of an export, entry by entry. */
export interface ChainAudit {
  /** Takes an entry; what is wrong with its place in its chain, as a sentence. */
  add(index: number, read: { entry: LeafEntry; bytes: Buffer }): string | undefined
  /** The first place where a chain skips numbers: a part of it may, a whole one must not. */
  firstGap(): string | undefined
  count(): number
  /** The chains in the order of their first entries; the first `SPANS_MAX`. */
  spans(): ChainSpan[]
}

/** What was read of a chain: so many entries, with these numbers as the first and the last. */
export interface ChainSpan {
  readonly chain: string
  readonly entries: number
  readonly first: number
  readonly last: number
}

/** Chains that an audit follows at most: of each it keeps some 400 bytes. */
export const CHAINS_MAX = 100_000

/** Chains that are listed at most. */
export const SPANS_MAX = 20

interface Head {
  readonly first: number
  readonly entries: number
  readonly seq: number
  readonly hash: string
  readonly index: number
}

const NONE: Head = { first: 0, entries: 0, seq: 0, hash: GENESIS, index: -1 }

export function openChainAudit(): ChainAudit {
  const heads = new Map<string, Head>()
  let gap: string | undefined

  return {
    add(index, { entry, bytes }) {
      const { chain, seq, prev } = entry
      const head = heads.get(chain) ?? { ...NONE, first: seq }
      const { first, entries } = head
      const hash = entryHash(bytes).toString('hex')
      heads.set(chain, { first, entries: entries + 1, seq, hash, index })
      const place = `Entry ${index} is number ${seq} of the chain ${chain}`
      if (seq <= head.seq) return `${place}, behind number ${head.seq} at index ${head.index}.`
      if (seq > head.seq + 1) {
        gap ??= `${place}, after number ${head.seq}: ${seq - head.seq - 1} before it are missing.`
        return undefined
      }
      if (prev === head.hash) return undefined
      return `${place}; its prev is not the hash of number ${head.seq}, at index ${head.index}.`
    },
    firstGap: () => gap,
    count: () => heads.size,
    spans: () =>
      [...heads].slice(0, SPANS_MAX).map(([chain, { first, entries, seq }]) => {
        return { chain, entries, first, last: seq }
      }),
  }
}
