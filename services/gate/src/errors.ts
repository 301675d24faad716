import type { Arm } from '@mumega/contracts/gate-review'
import { AppError } from '@mumega/errors'

export function sprintNotFound(sprintId: string): AppError {
  return new AppError(
    'gate.sprint-not-found',
    'not-found',
    `There is no sprint "${sprintId}" here. GET /v1/gate/sprints lists them.`,
    { details: { sprintId } },
  )
}

export function trackNotFound(sprintId: string, trackId: string): AppError {
  return new AppError(
    'gate.track-not-found',
    'not-found',
    `There is no track "${trackId}" of a sprint "${sprintId}" here.`,
    { details: { sprintId, trackId } },
  )
}

export function iterationNotFound(iteration: number): AppError {
  return new AppError(
    'gate.iteration-not-found',
    'not-found',
    `There is no iteration ${iteration} of this track here. Read the track.`,
    { details: { iteration } },
  )
}

export function findingNotFound(number: number): AppError {
  return new AppError(
    'gate.finding-not-found',
    'not-found',
    `There is no finding ${number} of this track here. GET its findings.`,
    { details: { number } },
  )
}

export function sprintExists(sprintId: string): AppError {
  return new AppError(
    'gate.sprint-exists',
    'conflict',
    `There is a sprint "${sprintId}". Choose another id.`,
    { details: { sprintId } },
  )
}

export function trackExists(trackId: string): AppError {
  return new AppError(
    'gate.track-exists',
    'conflict',
    `The sprint has a track "${trackId}". Choose another id.`,
    { details: { trackId } },
  )
}

export function sprintHistoric(sprintId: string): AppError {
  return new AppError(
    'gate.sprint-historic',
    'conflict',
    `Sprint ${sprintId} is from before there was a gate; only its counts are kept. Name another.`,
    { details: { sprintId } },
  )
}

export function limitReached(what: string, limit: number): AppError {
  return new AppError(
    'gate.limit-reached',
    'conflict',
    `There are ${limit} ${what}, which is the most there can be.`,
    { details: { what, limit } },
  )
}

/** `actualBytes` counts UTF-8. */
export function textTooLarge(size: {
  field: string
  limitBytes: number
  actualBytes: number
}): AppError {
  return new AppError(
    'gate.text-too-large',
    'too-large',
    `${size.field} is ${size.actualBytes} bytes of UTF-8; ${size.limitBytes} bytes is the limit.`,
    { details: size },
  )
}

export function invalidText(field: string, what: string): AppError {
  return new AppError(
    'gate.invalid-text',
    'invalid',
    `${field} holds ${what}, which is not taken. Remove it.`,
    { details: { field } },
  )
}

export function invalidField(field: string, what: string): AppError {
  return new AppError('gate.invalid-field', 'invalid', `${field} ${what}.`, { details: { field } })
}

export function commitSubmitted(iteration: number): AppError {
  return new AppError(
    'gate.commit-submitted',
    'conflict',
    `Iteration ${iteration} is this very commit. Submit the next one.`,
    { details: { iteration } },
  )
}

export function trackGreen(iteration: number): AppError {
  return new AppError(
    'gate.track-green',
    'conflict',
    `Iteration ${iteration} is GREEN, and nothing was found since. Record what was found first.`,
    { details: { iteration } },
  )
}

export function otherCommit({ field, commit }: { field: string; commit: string }): AppError {
  return new AppError(
    'gate.other-commit',
    'conflict',
    `${field} is another commit than the iteration’s, ${commit}. Look at that one.`,
    { details: { field, commit } },
  )
}

export function ownWork(who: string): AppError {
  return new AppError(
    'gate.own-work',
    'forbidden',
    `${who} did this work, or may have: somebody else has to judge it.`,
    { details: { who } },
  )
}

export function armReported(arm: Arm): AppError {
  return new AppError(
    'gate.arm-reported',
    'conflict',
    `The arm ${arm} has reported of this iteration. Record what else there is as a finding.`,
    { details: { arm } },
  )
}

export function armMissing(missing: readonly Arm[]): AppError {
  return new AppError(
    'gate.arm-missing',
    'conflict',
    `Not GREEN: there is no report of this iteration by ${missing.join(' and ')}.`,
    { details: { missing: missing.join(', ') } },
  )
}

export function testsFailed(arms: readonly Arm[]): AppError {
  return new AppError(
    'gate.tests-failed',
    'conflict',
    `Not GREEN: tests of ${arms.join(' and ')} failed. Mend that, and submit it.`,
    { details: { arms: arms.join(', ') } },
  )
}

export function blocksOpen(open: readonly number[]): AppError {
  return new AppError(
    'gate.blocks-open',
    'conflict',
    `Not GREEN: a BLOCK is open, as \`open\` lists them. Fix each, and submit that.`,
    { details: { open: open.join(', ') } },
  )
}

export function fixNotReviewed(findings: readonly number[]): AppError {
  return new AppError(
    'gate.fix-not-reviewed',
    'conflict',
    'Not GREEN: a BLOCK is fixed in a later commit than this iteration’s. Submit the fix.',
    { details: { findings: findings.join(', ') } },
  )
}

export function notNewest(newest: number): AppError {
  return new AppError(
    'gate.not-newest',
    'conflict',
    `Iteration ${newest} is the newest by now. Judge that one.`,
    { details: { newest } },
  )
}

export function alreadyJudged(verdict: string): AppError {
  return new AppError(
    'gate.already-judged',
    'conflict',
    `This iteration is ${verdict}. What changes that is another iteration.`,
    { details: { verdict } },
  )
}

/** `expected` is the exact text that has to be signed by now. */
export function judgedChanged(expected: string): AppError {
  return new AppError(
    'gate.judged-changed',
    'conflict',
    'Something was reported, found or closed meanwhile. Read the iteration again, then sign it.',
    { details: { expected } },
  )
}

export function findingClosed(state: string): AppError {
  return new AppError(
    'gate.finding-closed',
    'conflict',
    `This finding is ${state} already. Record another one if it is still there.`,
    { details: { state } },
  )
}

export function blockNotCarried(): AppError {
  return new AppError(
    'gate.block-not-carried',
    'conflict',
    'A BLOCK is mended where it was found. Fix it; only WARN and INFO are carried.',
  )
}

export function shapeIncomplete(shapeId: string, missing: readonly string[]): AppError {
  return new AppError(
    'gate.shape-incomplete',
    'conflict',
    `The shape ${shapeId} has a name now, and needs ${missing.join(', ')}. PUT ` +
      `/v1/gate/shapes/${shapeId} with all of them, then do this again; or record the finding ` +
      'now without `shape`.',
    { details: { shapeId, missing: missing.join(', ') } },
  )
}
