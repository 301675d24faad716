import { decodeEntry, type LeafEntry } from '@mumega/tlog/entry'
import type { EventKey } from './proof-repository.ts'

/**
 * Where an event stands, as its key says and the entry there confirms.
 *
 * @throws Error when the key was altered and names another entry
 */
export function placeOf(
  { key, bytes }: { key: EventKey; bytes: Buffer },
  event: { source: string; id: string },
): EventKey {
  if (isOf(decodeEntry(bytes), { ...event, ...key })) return key
  throw new Error(`the entry at ${key.index} is not the one that its key names`)
}

interface Claimed {
  source: string
  id: string
  chain: string
  seq: number
}

function isOf(entry: LeafEntry, claimed: Claimed): boolean {
  return (
    entry.source === claimed.source &&
    entry.id === claimed.id &&
    entry.chain === claimed.chain &&
    entry.seq === claimed.seq
  )
}
