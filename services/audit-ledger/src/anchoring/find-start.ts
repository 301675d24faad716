import type { Finding } from '../scrubbing/finding.ts'
import type { Knex } from '@mumega/db'
import { copyName, type AnchorPlace } from './anchor-place.ts'
import { findNewestAnchor } from './anchor-repository.ts'
import { findLost, type NoteOpener } from './compare-copy.ts'

export interface StartOptions {
  readonly place: AnchorPlace
  readonly db: Knex
  readonly openNote: NoteOpener
}

/**
 * Up to which anchor the copies stand without a gap, as they are made oldest first, by a search
 * that halves what is left; or the finding that the copies go on where the database ends. The last
 * ones are left to be compared: of those that are made at once, any may be missing after a crash.
 *
 * @throws PlaceFault, and what the database throws
 */
export async function findStart(
  { place, db, openNote }: StartOptions,
  signal: AbortSignal,
): Promise<number | Finding> {
  const newest = await findNewestAnchor(db)
  const next = await place.read(copyName(newest + 1), signal)
  if (next !== undefined) {
    const lost = findLost(newest + 1, next, { placeName: place.name, openNote })
    // Read again: a copy is made after its row, and never before it.
    if (lost !== undefined && (await findNewestAnchor(db)) === newest) return lost
  }
  let [present, absent] = [0, newest + 1]
  while (absent - present > 1) {
    // The newest first: mostly all are there.
    const middle = absent > newest ? newest : Math.floor((present + absent) / 2)
    const isThere = (await place.read(copyName(middle), signal)) !== undefined
    if (isThere) present = middle
    else absent = middle
  }
  return Math.max(0, present - place.width)
}
