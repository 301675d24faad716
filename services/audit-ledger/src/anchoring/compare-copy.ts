import type { LogKey } from '../signing/log-key.ts'
import { ANCHOR_EVENTS } from '../signing/verified-growth.ts'
import { digestOf, type Finding } from '../scrubbing/finding.ts'
import type { CopiedAnchor } from './anchor-repository.ts'

export type NoteOpener = LogKey['open']

/** Whether the database holds what the log's key signed for this anchor. */
export function isSigned({ anchor, root, note }: CopiedAnchor, openNote: NoteOpener): boolean {
  const signed = openNote(note)
  return signed?.size === anchor * ANCHOR_EVENTS && signed.root.equals(root)
}

/**
 * LOCK-MON-5. What is amiss with a copy; undefined when it has the anchor's very bytes. Another
 * root under the log's own signature is a fork. Anything else proves nothing against the database:
 * the copy itself was altered.
 */
export function compareCopy(
  { anchor, root, note }: CopiedAnchor,
  copy: Buffer,
  { placeName, openNote }: { placeName: string; openNote: NoteOpener },
): Finding | undefined {
  if (copy.equals(Buffer.from(note))) return undefined
  const place = placeOf(anchor, placeName)
  const signed = openNote(copy.toString())
  if (signed?.size === anchor * ANCHOR_EVENTS && !signed.root.equals(root)) {
    return {
      kind: 'anchor-forked',
      place,
      expected: `root ${root.toString('hex')}, in the database`,
      found: `root ${signed.root.toString('hex')}, signed too, in the ${placeName}`,
    }
  }
  return { kind: 'anchor-copy-altered', place, expected: digestOf(note), found: digestOf(copy) }
}

/** That a copy is of an anchor which the database does not have; undefined when it is none. */
export function findLost(
  anchor: number,
  copy: Buffer,
  { placeName, openNote }: { placeName: string; openNote: NoteOpener },
): Finding | undefined {
  const signed = openNote(copy.toString())
  if (signed?.size !== anchor * ANCHOR_EVENTS) return undefined
  return {
    kind: 'anchor-lost',
    place: placeOf(anchor, placeName),
    expected: 'a row in the database',
    found: `root ${signed.root.toString('hex')}, signed, in the ${placeName} alone`,
  }
}

export function missingCopy({ anchor, note }: CopiedAnchor, placeName: string): Finding {
  const place = placeOf(anchor, placeName)
  return { kind: 'anchor-copy-missing', place, expected: digestOf(note), found: 'nothing' }
}

function placeOf(anchor: number, placeName: string): string {
  return `anchor ${anchor}, ${placeName}`
}
