import { emptyFrontier, frontierRoot, type Frontier } from '@mumega/tlog/merkle'
import { digestOf, type PassFindings } from './finding.ts'
import type { PassPlan } from './pass.ts'
import type { LogExtent } from './scrub-repository.ts'
import { frontierOf, type CheckpointRow, type OpenNote } from './signed-check.ts'

/**
 * Where a pass goes on: behind the checkpoint that was kept, as long as the log's key vouches for
 * what it says of the tree, else at the beginning.
 */
export function startOf(
  kept: CheckpointRow | undefined,
  size: number,
  openNote: OpenNote,
): Frontier {
  if (kept === undefined || kept.size > size) return emptyFrontier()
  const signed = openNote(kept.note)
  const frontier = frontierOf(kept.frontier, kept.size)
  const isTrue =
    frontier !== undefined &&
    signed?.size === kept.size &&
    signed.root.equals(frontierRoot(frontier))
  return isTrue ? frontier : emptyFrontier()
}

/**
 * How far a pass goes. Reports where the head is torn, or the log ends before it did.
 */
export function endOf(
  findings: PassFindings,
  extent: LogExtent,
  known: { note: string | undefined; largest: number; openNote: OpenNote },
): Omit<PassPlan, 'start'> {
  const frontier = extent.size === undefined ? undefined : frontierOf(extent.frontier, extent.size)
  // Where the head does not even fit itself, the batches say how far the log reaches.
  const size = frontier?.size ?? extent.batchesEnd
  if (frontier === undefined) {
    const found =
      extent.size === undefined
        ? 'no row'
        : `size ${extent.size}, frontier ${digestOf(extent.frontier)}`
    const expected = `size ${size}, and the frontier of so many entries`
    findings.report({ kind: 'log-head-altered', place: 'log_head', expected, found })
  }
  const kept = known.note === undefined ? undefined : known.openNote(known.note)
  if (known.note !== undefined && kept === undefined) {
    const place = 'the copy of the checkpoint outside the database'
    const expected = 'a checkpoint that the log’s key signed'
    findings.report({ kind: 'copy-altered', place, expected, found: 'another text' })
  }
  const keptSize = kept?.size ?? 0
  const least = Math.max(keptSize, known.largest)
  if (least > size) {
    const place = `entries ${size} to ${least - 1}`
    findings.report({
      kind: 'entries-missing',
      place,
      expected: `${least - size} entries`,
      found: 'no row',
    })
  }
  if (keptSize > extent.checkpointSize) {
    const place = `checkpoint ${keptSize}`
    const expected = 'the checkpoint that is kept outside the database'
    findings.report({ kind: 'checkpoint-missing', place, expected, found: 'no row' })
  }
  const signedSize = Math.min(size, Math.max(extent.checkpointSize, keptSize))
  return { size, frontier, signedSize }
}
