import { entryHash, GENESIS, type LeafEntry } from './entry.ts'

/** Follows every chain of an export, entry by entry. */
export interface ChainAudit {
  /** Takes an entry; what is wrong with its place in its chain, as a sentence. */
  add(index: number, read: { entry: LeafEntry; bytes: Buffer }): string | undefined
  /** The first place where a chain skips numbers: a part of it may, a whole one must not. */
  firstGap(): string | undefined
  count(): number
}

interface Head {
  readonly seq: number
  readonly hash: string
  readonly index: number
}

const NONE: Head = { seq: 0, hash: GENESIS, index: -1 }

export function openChainAudit(): ChainAudit {
  const heads = new Map<string, Head>()
  let gap: string | undefined

  return {
    add(index, { entry, bytes }) {
      const { chain, seq, prev } = entry
      const head = heads.get(chain) ?? NONE
      heads.set(chain, { seq, hash: entryHash(bytes).toString('hex'), index })
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
  }
}
