import { ARMS, type Judged } from '@mumega/contracts/gate-review'
import { armMissing, blocksOpen, fixNotReviewed, ownWork, testsFailed } from '../errors.ts'
import { isBlock } from '../review/close-finding.ts'
import { isOwnWork, isOwnWorkOf, type Hands } from '../review/people.ts'

/**
 * Refuses a judge, or a reviewer, of their own work.
 *
 * @throws gate.own-work
 */
export function checkJudges(
  { reports }: Judged,
  { hands, principal }: { hands: Hands; principal: string },
): void {
  if (isOwnWorkOf(hands, principal)) throw ownWork(principal)
  // Who reported may have done some of the work since.
  const own = reports.find((report) => isOwnWork(hands, report.by))
  if (own !== undefined) throw ownWork(own.by)
}

/**
 * Refuses to call GREEN what was not looked at from both sides, or failed a test of theirs, or has
 * a BLOCK that is open, or is fixed in another commit than this.
 *
 * @throws gate.arm-missing, gate.tests-failed, gate.blocks-open, gate.fix-not-reviewed
 */
export function checkGreen({ iteration, reports, findings }: Judged): void {
  const missing = ARMS.filter((arm) => !reports.some((report) => report.arm === arm))
  if (missing.length > 0) throw armMissing(missing)
  const failed = reports.filter(({ testsRun, testsPassed }) => testsPassed < testsRun)
  if (failed.length > 0) throw testsFailed(failed.map(({ arm }) => arm))
  const blocks = findings.filter((finding) => isBlock(finding.severity))
  const open = blocks.filter((finding) => finding.fix === undefined)
  if (open.length > 0) throw blocksOpen(open.map(({ number }) => number))
  const later = blocks.filter(({ fix }) => fix !== undefined && fix.arrivesIn > iteration)
  if (later.length > 0) throw fixNotReviewed(later.map(({ number }) => number))
}
