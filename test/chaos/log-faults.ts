import { GENESIS } from '@mumega/tlog/entry'
import type { LoggedEntry } from './stored.ts'

/** What is in the log again: by its source and id it should be there once. */
export function findRepeated(log: readonly LoggedEntry[]): string[] {
  const seen = new Set<string>()
  return log
    .map(({ entry }) => `${entry.source} ${entry.id}`)
    .filter((key) => seen.size === seen.add(key).size)
}

/** Where the log, or a chain in it, has a hole or does not follow from what is before it. */
export function findBroken(log: readonly LoggedEntry[]): string[] {
  const heads = new Map<string, { seq: number; hash: string }>()
  const broken: string[] = []
  for (const [nth, { index, hash, entry }] of log.entries()) {
    const head = heads.get(entry.chain) ?? { seq: 0, hash: GENESIS }
    const follows = index === nth && entry.seq === head.seq + 1 && entry.prev === head.hash
    if (!follows) broken.push(`entry ${index}: number ${entry.seq} of ${entry.chain}`)
    heads.set(entry.chain, { seq: entry.seq, hash })
  }
  return broken
}
