import type { Checkpoint } from '@mumega/tlog/checkpoint'
import { decodeFrontier, frontierRoot, type Frontier } from '@mumega/tlog/merkle'
import type { FullSubtree, GrowingTree } from '../sealing/growing-tree.ts'
import { anchorHash, NO_ANCHOR } from '../signing/log-key.ts'
import { ANCHOR_EVENTS } from '../signing/verified-growth.ts'
import { digestOf, type PassFindings } from './finding.ts'
import type { TreeCheck, TreeWitness } from './tree-check.ts'

/** A row of `checkpoints`. */
export interface CheckpointRow {
  readonly size: number
  /** 0 where there is none. */
  readonly previousSize: number
  readonly root: Buffer
  readonly frontier: Buffer
  readonly note: string
}

/** A row of `audit_chain_anchors`. */
export interface AnchorRow {
  readonly anchor: number
  readonly fromIndex: number
  readonly toIndex: number
  readonly root: Buffer
  readonly note: string
  readonly previousHash: Buffer
  readonly hash: Buffer
}

/** What was signed, and what was stored with it, over some stretch of the log. */
export interface SignedRows {
  readonly checkpoints: ReadonlyMap<number, CheckpointRow>
  readonly anchors: ReadonlyMap<number, AnchorRow>
  /** By level and position: `1/0`. */
  readonly subtrees: ReadonlyMap<string, Buffer>
}

export interface SignedCheck {
  /** Compares what is stored of the tree at the size that it has now. */
  checkAt(rows: SignedRows): void
  /** Entries are missing: what was signed over them is not looked at. */
  skip(): void
  /** The size of the last checkpoint; 0 where there is none, or entries are missing before it. */
  checkpoint(): number
}

/** Gives the checkpoint of a note; undefined unless the log's key signed it. */
export type OpenNote = (note: string) => Checkpoint | undefined

export interface SignedCheckOptions {
  readonly findings: PassFindings
  readonly tree: TreeCheck
  readonly openNote: OpenNote
  /** What is signed up to here was stored before the pass began. */
  readonly signedSize: number
}

export function openSignedCheck(options: SignedCheckOptions): SignedCheck {
  const { findings, tree, signedSize } = options
  const anchors = openAnchorCheck(options)
  // Undefined behind a hole.
  let lastSize: number | undefined = tree.size()

  function checkSubtrees(full: readonly FullSubtree[], rows: SignedRows): void {
    for (const { level, position, hash } of full) {
      const name = `${level}/${position}`
      const stored = rows.subtrees.get(name)
      if (stored?.equals(hash) === true) continue
      findings.report({
        kind: stored === undefined ? 'subtree-missing' : 'subtree-altered',
        place: `subtree ${name}`,
        expected: hash.toString('hex'),
        found: stored?.toString('hex') ?? 'no row',
      })
    }
  }

  return {
    checkAt(rows) {
      const size = tree.size()
      // What is signed comes first: it tells which tree the rest is compared with.
      const row = rows.checkpoints.get(size)
      if (row !== undefined) {
        if (lastSize === undefined) findings.hide()
        else checkPrevious(findings, row, lastSize)
        lastSize = checkCheckpoint(options, row)
      }
      if (size % ANCHOR_EVENTS !== 0) return
      if (size <= signedSize) anchors.check(size / ANCHOR_EVENTS, rows)
      tree.check(
        (grown) => grown.takeFull(),
        (full) => {
          if (size <= signedSize) checkSubtrees(full, rows)
        },
      )
    },
    skip() {
      findings.hide()
      lastSize = undefined
      anchors.skip()
    },
    checkpoint: () => lastSize ?? 0,
  }
}

/** Compares the tree with a root that the log's key signed at this size. */
function settle({ findings, tree }: SignedCheckOptions, witness: TreeWitness): void {
  if (tree.settle(witness)) return
  findings.report({
    kind: 'root-altered',
    place: `entries up to ${tree.size()}`,
    expected: witness.root.toString('hex'),
    found: 'entries and leaf hashes with another root',
  })
}

function checkPrevious(findings: PassFindings, row: CheckpointRow, lastSize: number): void {
  const { size, previousSize } = row
  if (previousSize === lastSize) return
  // Nothing stands between the last one and this one: what it follows is gone.
  if (previousSize > lastSize && previousSize < size) {
    const expected = `what checkpoint ${size} follows`
    const place = `checkpoint ${previousSize}`
    findings.report({ kind: 'checkpoint-missing', place, expected, found: 'no row' })
    return
  }
  findings.report({
    kind: 'checkpoint-altered',
    place: `checkpoint ${size}, previous size`,
    expected: `${lastSize}`,
    found: `${previousSize}`,
  })
}

/** Returns the size that was signed. */
function checkCheckpoint(options: SignedCheckOptions, row: CheckpointRow): number {
  const { findings, tree, openNote } = options
  const { size, note } = row
  const alter = (field: string, expected: string, found: string): void => {
    const place = `checkpoint ${size}, ${field}`
    findings.report({ kind: 'checkpoint-altered', place, expected, found })
  }
  const signed = openNote(note)
  if (signed === undefined) {
    alter('note', 'a checkpoint that the log’s key signed', digestOf(note))
    tree.check(
      (grown) => frontierRoot(grown.frontier()),
      (root) => {
        compareParts(alter, row, root)
      },
    )
    return size
  }
  if (signed.size !== size) {
    alter('size', `${signed.size}`, `${size}`)
    return signed.size
  }
  const frontier = compareParts(alter, row, signed.root)
  settle(options, { root: signed.root, frontier })
  return size
}

/** Returns the frontier when it has this root. */
function compareParts(
  alter: (field: string, expected: string, found: string) => void,
  { size, root, frontier: bytes }: CheckpointRow,
  expected: Buffer,
): Frontier | undefined {
  const wanted = expected.toString('hex')
  if (!root.equals(expected)) alter('root', wanted, root.toString('hex'))
  const frontier = frontierOf(bytes, size)
  if (frontier !== undefined && frontierRoot(frontier).equals(expected)) return frontier
  alter('frontier', `one with the root ${wanted}`, digestOf(bytes))
  return undefined
}

/** Undefined when it is torn, or of another size. */
export function frontierOf(bytes: Buffer, size: number): Frontier | undefined {
  try {
    const frontier = decodeFrontier(bytes)
    return frontier.size === size ? frontier : undefined
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return undefined
  }
}

/** Checks anchors one after the other, each behind the hash that the one before must have. */
function openAnchorCheck(options: SignedCheckOptions) {
  const { findings, tree, openNote } = options
  // Undefined behind an anchor whose own hash cannot be known.
  let previousHash: Buffer | undefined = tree.size() < ANCHOR_EVENTS ? NO_ANCHOR : undefined

  function check(anchor: number, { anchors }: SignedRows): void {
    const row = anchors.get(anchor)
    const place = `anchor ${anchor}`
    if (row === undefined) {
      const expected = `the anchor over ${anchor * ANCHOR_EVENTS} entries`
      findings.report({ kind: 'anchor-missing', place, expected, found: 'no row' })
      previousHash = undefined
      return
    }
    const compare = (field: string, expected: string, found: string): void => {
      if (expected === found) return
      findings.report({ kind: 'anchor-altered', place: `${place}, ${field}`, expected, found })
    }
    const signed = openNote(row.note)
    const isSigned = signed?.size === anchor * ANCHOR_EVENTS
    const root = row.root.toString('hex')
    if (isSigned) {
      compare('root', signed.root.toString('hex'), root)
      settle(options, { root: signed.root, frontier: undefined })
    } else {
      compare('note', 'what the log’s key signed', digestOf(row.note))
      tree.check(rootInHex, (grown) => {
        compare('root', grown, root)
      })
    }
    compare('first entry', `${(anchor - 1) * ANCHOR_EVENTS}`, `${row.fromIndex}`)
    compare('last entry', `${anchor * ANCHOR_EVENTS - 1}`, `${row.toIndex}`)
    if (previousHash === undefined) findings.hide()
    else compare('previous hash', previousHash.toString('hex'), row.previousHash.toString('hex'))
    const own = anchorHash(previousHash ?? row.previousHash, row.note)
    if (isSigned) compare('hash', own.toString('hex'), row.hash.toString('hex'))
    else findings.hide()
    previousHash = isSigned ? own : undefined
  }

  return {
    check,
    skip() {
      previousHash = undefined
    },
  }
}

function rootInHex(tree: GrowingTree): string {
  return frontierRoot(tree.frontier()).toString('hex')
}
