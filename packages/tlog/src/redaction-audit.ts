import type { LeafEntry } from './entry.ts'
import { isErasure, redactionTarget } from './receipt.ts'

/** Pairs payloads that are said to be erased with the entries that record the erasure. */
export interface RedactionAudit {
  add(index: number, read: { entry: LeafEntry; isRedacted: boolean }): void
  figures(): { proved: number; unproved: number; named: readonly string[] }
  /** Whether more waited for their record than are followed: then nothing is said of the rest. */
  isOverfull(): boolean
  /** Entries that record an erasure. */
  recorded(): number
  /** The first of them whose entry is not said, above it, to be erased; as a sentence. */
  firstUnmarked(): string | undefined
}

// An erasure is rare; past this many waiting for their record the rest is not followed.
const WAITING_MAX = 100_000
const NAMED_MAX = 20

export function openRedactionAudit({ waitingMax = WAITING_MAX } = {}): RedactionAudit {
  /** Targets of erasures that are still to be found, with the chain that must record them. */
  const waiting = new Map<string, string>()
  const named: string[] = []
  let [proved, overflow, recorded] = [0, 0, 0]
  let unmarked: string | undefined

  return {
    add(index, { entry, isRedacted }) {
      if (isRedacted) {
        if (named.length < NAMED_MAX) named.push(`${entry.source}/${entry.id}`)
        if (waiting.size < waitingMax) waiting.set(redactionTarget(entry), entry.chain)
        else overflow += 1
      }
      if (!isErasure(entry)) return
      recorded += 1
      if (waiting.get(entry.target) === entry.chain) {
        waiting.delete(entry.target)
        proved += 1
      } else if (overflow === 0) {
        // Where some are not followed, this may be the record of one of them.
        unmarked ??=
          `Entry ${index} records that the payload of ${entry.target} was erased, ` +
          'and the file does not say so there.'
      }
    },
    figures: () => ({ proved, unproved: waiting.size + overflow, named }),
    isOverfull: () => overflow > 0,
    recorded: () => recorded,
    firstUnmarked: () => unmarked,
  }
}
