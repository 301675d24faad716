import { emptyFrontier, frontierRoot, type Frontier } from '@mumega/tlog/merkle'
import type { BatchFrames, StoredBatch } from './batch-frames.ts'
import { openChainCheck, type ChainCheck, type PlacedEntry } from './chain-check.ts'
import type { PassFindings } from './finding.ts'
import { checkKey, type FoundKeys } from './key-check.ts'
import { checkPayload, splitPayloads } from './payload-check.ts'
import type { StepReads } from './step-reads.ts'
import { openSignedCheck, type OpenNote, type SignedCheck } from './signed-check.ts'
import { openTreeCheck, type TreeCheck } from './tree-check.ts'

/** What a pass covers, as it was when the pass began. */
export interface PassPlan {
  /** Where it begins: the empty log, or what a signed checkpoint says of the entries before. */
  readonly start: Frontier
  readonly size: number
  /** Of the whole log; undefined where the head's row is torn or gone. */
  readonly frontier: Frontier | undefined
  readonly signedSize: number
}

/** One pass over the log, to the end that it had when the pass began. */
export interface Pass {
  readonly plan: PassPlan
  readonly findings: PassFindings
  readonly chains: ChainCheck
  /** Where batches begin of which something is wrong. */
  readonly doubtful: ReadonlySet<number>
  /** Whether the entry is one of those that are not there. */
  isMissing(index: number): boolean
  /** The first entry that was not looked at yet. */
  next(): number
  /** The last checkpoint that the pass came by, where another pass may begin; 0 for none. */
  checkpoint(): number
  /** Checks batches that stand one behind the other from `next()` on. Reads nothing. */
  check(reads: StepReads): void
  /** Goes on at `index`: the entries before it are not there. */
  skipTo(index: number): void
  /** Compares the tree with the log's head. */
  endEntries(): void
}

export interface PassOptions {
  readonly plan: PassPlan
  readonly findings: PassFindings
  readonly openNote: OpenNote
  /** Whether the entry that tells of this redaction should be in the log by now. */
  readonly isLate: (redactionId: string) => boolean
  readonly chainsMax?: number
}

export function openPass({ plan, findings, openNote, isLate, chainsMax }: PassOptions): Pass {
  const { start, signedSize } = plan
  const tree = openTreeCheck(findings, start)
  const signed = openSignedCheck({ findings, tree, openNote, signedSize })
  const chains = openChainCheck(findings, { isResumed: start.size > 0, chainsMax })
  // What stands before the start was looked at by a pass of which nothing is known any more.
  if (start.size > 0) findings.hide()
  const doubtful = new Set<number>()
  const parts = { findings, tree, signed, chains, doubtful, isLate }
  // Ranges of entries; each is a finding, so that they are not many.
  const missing: { begin: number; end: number }[] = []

  return {
    plan,
    findings,
    chains,
    doubtful,
    isMissing: (index) => missing.some(({ begin, end }) => index >= begin && index < end),
    next: () => tree.size(),
    checkpoint: () => signed.checkpoint(),
    check(reads) {
      for (const [chain, head] of reads.heads) chains.learn(chain, head)
      for (const batch of reads.batches) checkBatch(parts, reads, batch)
      chains.trim()
    },
    skipTo(index) {
      const next = tree.size()
      const place = `entries ${next} to ${index - 1}`
      const expected = `${index - next} entries`
      findings.report({ kind: 'entries-missing', place, expected, found: 'no row' })
      missing.push({ begin: next, end: index })
      chains.skip(index - next)
      signed.skip()
      tree.lose(index)
    },
    endEntries() {
      checkEnd(parts, plan)
    },
  }
}

interface Parts {
  readonly findings: PassFindings
  readonly tree: TreeCheck
  readonly signed: SignedCheck
  readonly chains: ChainCheck
  readonly doubtful: Set<number>
  readonly isLate: PassOptions['isLate']
}

/** A batch and what was read for it. */
export interface ReadBatch {
  readonly stored: StoredBatch
  readonly frames: BatchFrames
  readonly entries: readonly PlacedEntry[]
  /** By the entry's ordinal in the batch. */
  readonly keys: readonly FoundKeys[]
}

function checkBatch(parts: Parts, reads: StepReads, batch: ReadBatch): void {
  const { findings, tree, signed, chains, doubtful, isLate } = parts
  const { stored, frames, entries, keys } = batch
  checkFrames(parts, batch)
  const payloads = splitPayloads(findings, stored, frames.leaves.length)
  if (frames.entries === undefined) chains.skip(frames.leaves.length)
  frames.leaves.forEach((leaf, nth) => {
    tree.append(frames.computed[nth], leaf)
    signed.checkAt(reads.signed)
    const placed = entries[nth]
    if (placed === undefined) {
      findings.hide()
      return
    }
    if (placed.isInDoubt) doubtful.add(stored.firstIndex)
    else if (placed.entry === undefined) reportMalformed(findings, placed)
    const isPlaced = chains.follow(placed)
    // The place of an entry that does not continue its chain may be another's.
    const key = isPlaced ? checkKey(findings, placed, keys[nth] ?? NO_KEYS) : undefined
    checkPayload({ findings, isLate }, placed, {
      ...{ disclosed: payloads?.[nth], key },
      redaction: reads.redactions.get(placed.index),
    })
  })
}

const NO_KEYS: FoundKeys = { byPlace: undefined, byId: undefined }

function reportMalformed(findings: PassFindings, { index, hash }: PlacedEntry): void {
  const expected = 'a canonical entry of at most 8192 bytes'
  findings.report({ kind: 'entry-malformed', place: `entry ${index}`, expected, found: hash })
}

/** Reports what is wrong with the batch itself. */
function checkFrames({ findings, doubtful }: Parts, { stored, frames }: ReadBatch): void {
  const { firstIndex, count, entries } = stored
  const place = `batch ${firstIndex}`
  if (frames.entries === undefined) {
    doubtful.add(firstIndex)
    const found = entries === undefined ? 'too many bytes' : `${entries.length} bytes`
    const expected = `${frames.leaves.length} entries behind their lengths`
    findings.report({ kind: 'batch-torn', place, expected, found })
  }
  if (count !== frames.leaves.length) {
    const expected = `${frames.leaves.length}`
    findings.report({ kind: 'batch-count-altered', place, expected, found: `${count}` })
  }
  for (const { nth, expected, found } of frames.wrongOffsets) {
    doubtful.add(firstIndex)
    const where = `${place}, offset ${nth}`
    findings.report({ kind: 'offsets-altered', place: where, expected: `${expected}`, found })
  }
}

function checkEnd({ findings, tree }: Parts, { size, frontier }: PassPlan): void {
  if (tree.size() > size) {
    const place = `entries from ${size} on`
    const found = `${tree.size() - size} entries`
    findings.report({ kind: 'entries-extra', place, expected: 'none', found })
    tree.giveUp()
    return
  }
  if (frontier === undefined) {
    tree.giveUp()
    return
  }
  const root = frontierRoot(frontier)
  let own = frontierRoot(emptyFrontier())
  tree.check(
    (grown) => frontierRoot(grown.frontier()),
    (grown) => (own = grown),
  )
  if (tree.settle({ root, frontier })) return
  findings.report({
    kind: 'log-head-altered',
    place: 'log_head',
    expected: `one with the root ${own.toString('hex')}`,
    found: `one with the root ${root.toString('hex')}`,
  })
}
