import { frontierRoot, type Frontier } from '@mumega/tlog/merkle'
import { growFrom, type GrowingTree } from '../sealing/growing-tree.ts'
import { FINDINGS_MAX, hexOf, type PassFindings } from './finding.ts'

/** What is known of the log's tree at some size. */
export interface TreeWitness {
  readonly root: Buffer
  /** With this root; the tree goes on from it where the entries lead elsewhere. */
  readonly frontier: Frontier | undefined
}

/**
 * The tree of a pass, grown from entries and from stored leaf hashes at once where those disagree.
 * The next root that is known from elsewhere tells which of the two is right; until then, whatever
 * depends on the tree waits.
 */
export interface TreeCheck {
  /** The next leaf, by its entry and as it is stored; undefined where it cannot be told. */
  append(entry: string | undefined, leaf: string | undefined): void
  /** Checks what follows from the tree as it is now, at once or when it is known which is right. */
  check<Value>(read: (tree: GrowingTree) => Value, judge: (value: Value) => void): void
  /** Entries are missing: the tree is lost until the next root that is known. */
  lose(size: number): void
  /** Compares with a root that is known. False when the tree has another one. */
  settle(witness: TreeWitness): boolean
  /** Nothing more is known: reports what is in doubt. */
  giveUp(): void
  size(): number
}

interface Doubt {
  readonly index: number
  readonly entry: string
  readonly leaf: string
}

type Winner = 'entries' | 'leaves' | undefined

/** Of one stretch between two known roots; signing covers at most 65,536 entries at once. */
const WAITING_MAX = 2_048

export function openTreeCheck(findings: PassFindings, start: Frontier): TreeCheck {
  const undecided = openUndecided(findings)
  let byEntries: GrowingTree | undefined = growFrom(start)
  // The same tree, as long as nothing is in doubt.
  let byLeaves = byEntries as GrowingTree | undefined
  let { size } = start

  const isForked = (): boolean => byEntries !== byLeaves

  function goOnWith(tree: GrowingTree | undefined): void {
    byEntries = tree
    byLeaves = tree
  }

  function fork(entry: string | undefined, leaf: string | undefined): void {
    if (!isForked() && byEntries !== undefined) byLeaves = growFrom(byEntries.frontier())
    if (entry === undefined) byEntries = undefined
    if (leaf === undefined) byLeaves = undefined
    if (entry !== undefined && leaf !== undefined) undecided.doubt({ index: size, entry, leaf })
  }

  return {
    append(entry, leaf) {
      if (entry !== leaf) fork(entry, leaf)
      if (entry !== undefined) byEntries?.append(entry)
      if (leaf !== undefined && isForked()) byLeaves?.append(leaf)
      size += 1
    },
    check(read, judge) {
      const entries = byEntries && { value: read(byEntries) }
      if (!isForked() && entries !== undefined) {
        judge(entries.value)
        return
      }
      const leaves = byLeaves && { value: read(byLeaves) }
      undecided.wait((winner) => {
        const right = winner === 'entries' ? entries : winner === 'leaves' ? leaves : undefined
        if (right === undefined) findings.hide()
        else judge(right.value)
      })
    },
    lose(lostSize) {
      undecided.decide(undefined)
      goOnWith(undefined)
      size = lostSize
    },
    settle({ root, frontier }) {
      const winner = winnerOf({ byEntries, byLeaves }, root)
      const isLost = byEntries === undefined && byLeaves === undefined
      const agrees = winner !== undefined || isLost || undecided.hasDoubts()
      undecided.decide(winner)
      if (winner !== undefined) {
        goOnWith(winner === 'entries' ? byEntries : byLeaves)
      } else {
        // Which subtrees became full on the way here is not known.
        findings.hide()
        goOnWith(frontier && growFrom(frontier))
      }
      return agrees
    },
    giveUp() {
      undecided.decide(undefined)
    },
    size: () => size,
  }
}

/** What waits until it is known which tree is right. */
function openUndecided(findings: PassFindings) {
  let doubts: Doubt[] = []
  let waiting: ((winner: Winner) => void)[] = []

  return {
    doubt(doubt: Doubt): void {
      // One more than a pass reports says that there are more.
      if (doubts.length <= FINDINGS_MAX) doubts.push(doubt)
    },
    hasDoubts: () => doubts.length > 0,
    wait(settle: (winner: Winner) => void): void {
      if (waiting.length < WAITING_MAX) waiting.push(settle)
      else findings.hide()
    },
    decide(winner: Winner): void {
      for (const doubt of doubts) findings.report(doubtFinding(doubt, winner))
      for (const settle of waiting) settle(winner)
      doubts = []
      waiting = []
    },
  }
}

function winnerOf(
  trees: { byEntries: GrowingTree | undefined; byLeaves: GrowingTree | undefined },
  root: Buffer,
): Winner {
  const has = (tree: GrowingTree | undefined): boolean =>
    tree !== undefined && frontierRoot(tree.frontier()).equals(root)
  if (has(trees.byEntries)) return 'entries'
  return has(trees.byLeaves) ? 'leaves' : undefined
}

function doubtFinding({ index, entry, leaf }: Doubt, winner: Winner) {
  const place = `entry ${index}`
  const [fromEntry, stored] = [hexOf(entry), hexOf(leaf)]
  if (winner === 'leaves') {
    return { kind: 'entry-altered', place, expected: stored, found: fromEntry } as const
  }
  const kind = winner === 'entries' ? 'leaf-hash-altered' : 'entry-or-leaf-altered'
  return { kind, place, expected: fromEntry, found: stored } as const
}
