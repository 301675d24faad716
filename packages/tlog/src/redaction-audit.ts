import type { LeafEntry } from './entry.ts'
import { REDACTED_ACTION, REDACTING_SOURCE, redactionTarget } from './receipt.ts'

/** Pairs payloads that are said to be erased with the entries that record the erasure. */
export interface RedactionAudit {
  add(entry: LeafEntry, isRedacted: boolean): void
  figures(): { proved: number; unproved: number; named: readonly string[] }
}

// An erasure is rare; past this many waiting for their record the rest counts as unproved.
const WAITING_MAX = 100_000
const NAMED_MAX = 20

export function openRedactionAudit(): RedactionAudit {
  /** Targets of erasures that are still to be found, with the chain that must record them. */
  const waiting = new Map<string, string>()
  const named: string[] = []
  let [proved, overflow] = [0, 0]

  return {
    add(entry, isRedacted) {
      if (isRedacted) {
        if (named.length < NAMED_MAX) named.push(`${entry.source}/${entry.id}`)
        if (waiting.size < WAITING_MAX) waiting.set(redactionTarget(entry), entry.chain)
        else overflow += 1
      }
      const isRecord =
        entry.source === REDACTING_SOURCE &&
        entry.phase === 'fact' &&
        entry.action === REDACTED_ACTION
      if (isRecord && waiting.get(entry.target) === entry.chain) {
        waiting.delete(entry.target)
        proved += 1
      }
    },
    figures: () => ({ proved, unproved: waiting.size + overflow, named }),
  }
}
