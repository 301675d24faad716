import { emptyFrontier, frontierRoot, type Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import type { CheckpointCopy } from './checkpoint-copy.ts'
import {
  findCheckpoint,
  readSignedRows,
  type Anchor,
  type StoredCheckpoint,
} from './checkpoint-repository.ts'
import { anchorHash, NO_ANCHOR, type LogKey } from './log-key.ts'
import { Tampered } from './tampered.ts'
import { ANCHOR_EVENTS } from './verified-growth.ts'

/** What was signed so far, as far as the next signature rests on it. */
export interface SignedState {
  readonly frontier: Frontier
  /** Absent while nothing was signed. */
  readonly checkpoint?: StoredCheckpoint
  readonly anchors: number
  readonly anchorHash: Buffer
}

/**
 * Reads what was signed last, and trusts none of it further than its signature reaches.
 *
 * @throws Tampered when the database disagrees with the signatures, with itself, or with the copy
 * outside of it
 */
export async function readSignedState(
  connection: Connection,
  key: LogKey,
  copy: CheckpointCopy,
): Promise<SignedState> {
  // Before the database, which only grows: the copy cannot be ahead because of the time between.
  const copied = await copy.read()
  const { head, checkpoint, anchor } = await readSignedRows(connection)
  if (checkpoint !== undefined) {
    checkCheckpoint(key, checkpoint)
    compareWithHead(head, checkpoint)
  }
  if (copied !== undefined) {
    await compareWithCopy(connection, { key, copied, size: checkpoint?.size ?? 0 })
  }
  const anchorsDue = Math.floor((checkpoint?.size ?? 0) / ANCHOR_EVENTS)
  if ((anchor?.anchor ?? 0) !== anchorsDue) {
    throw new Tampered(`there are not ${anchorsDue} anchors, as the last checkpoint asks for`)
  }
  if (anchor !== undefined) checkAnchor(key, anchor)
  return {
    frontier: checkpoint?.frontier ?? emptyFrontier(),
    ...(checkpoint !== undefined && { checkpoint }),
    anchors: anchorsDue,
    anchorHash: anchor?.hash ?? NO_ANCHOR,
  }
}

function checkCheckpoint(key: LogKey, stored: StoredCheckpoint): void {
  const signed = key.open(stored.note)
  if (signed === undefined) throw new Tampered('the last checkpoint is not signed by this key')
  const isOwn =
    signed.size === stored.size &&
    signed.root.equals(stored.root) &&
    stored.frontier.size === stored.size &&
    frontierRoot(stored.frontier).equals(signed.root)
  if (!isOwn) throw new Tampered('the last checkpoint is not what its signature says')
}

function checkAnchor(key: LogKey, anchor: Anchor): void {
  const signed = key.open(anchor.note)
  const isOwn =
    signed?.size === anchor.anchor * ANCHOR_EVENTS &&
    signed.root.equals(anchor.root) &&
    anchorHash(anchor.previousHash, anchor.note).equals(anchor.hash)
  if (!isOwn) throw new Tampered(`anchor ${anchor.anchor} is not what its signature says`)
}

function compareWithHead(head: Frontier, checkpoint: StoredCheckpoint): void {
  const isBehind = head.size < checkpoint.size
  const isOther = head.size === checkpoint.size && !frontierRoot(head).equals(checkpoint.root)
  if (isBehind || isOther) {
    throw new Tampered(`the head of the log is not behind its last checkpoint, ${checkpoint.size}`)
  }
}

/** The copy may be older by a crash; never newer, and never another tree. */
async function compareWithCopy(
  connection: Connection,
  { key, copied, size }: { key: LogKey; copied: string; size: number },
): Promise<void> {
  const kept = key.open(copied)
  if (kept === undefined) {
    throw new Tampered('the copy of the checkpoint outside the database is not signed by this key')
  }
  if (kept.size > size) {
    throw new Tampered(
      `a checkpoint over ${kept.size} entries was signed; the database holds ${size}`,
    )
  }
  const stored = await findCheckpoint(connection, kept.size)
  if (stored === undefined || !stored.root.equals(kept.root)) {
    throw new Tampered(`the checkpoint over ${kept.size} entries is not the one that was signed`)
  }
}
