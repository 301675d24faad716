import { PRINCIPAL_KEYS_MAX } from '@mumega/contracts/principals'
import { AppError } from '@mumega/errors'
import type { StatementFault } from '@mumega/tlog/statement'

export function principalNotFound(principalId: string): AppError {
  return new AppError(
    'objectives.principal-not-found',
    'not-found',
    `There is no principal "${principalId}". GET /v1/principals lists them.`,
    { details: { principalId } },
  )
}

export function principalSuspended(principalId: string): AppError {
  return new AppError(
    'objectives.principal-suspended',
    'forbidden',
    `${principalId} is suspended: nothing that it signs counts until an operator reinstates it.`,
    { details: { principalId } },
  )
}

export function operatorsOnly(): AppError {
  return new AppError(
    'objectives.operators-only',
    'forbidden',
    'Only an operator may do this. Use an operator’s token.',
  )
}

export function invalidKey(field: string, what: string): AppError {
  return new AppError('objectives.invalid-key', 'invalid', `${field} ${what}.`, {
    details: { field },
  })
}

export function keyUsed(): AppError {
  return new AppError(
    'objectives.key-used',
    'conflict',
    'This key is, or was, on record. Make a new one: a key never comes back.',
  )
}

const FAULTS: Readonly<Record<StatementFault, string>> = {
  malformed: 'is no signed note',
  'other-text': 'says something else than what is asked for, or than what is on record now',
  unsigned: 'is of the right text, and not signed by every key that has to sign it',
  'invalid-signature': 'has a signature that is not of this text',
}

/** `expected` is the exact text that has to be signed. */
export function signatureInvalid(
  fault: StatementFault,
  { field, expected }: { field: string; expected: string },
): AppError {
  return new AppError(
    'objectives.signature-invalid',
    'forbidden',
    `${field} ${FAULTS[fault]}. Sign exactly the text in \`expected\`, by the key on record.`,
    { details: { field, fault, expected } },
  )
}

export function tooManyKeys(principalId: string): AppError {
  return new AppError(
    'objectives.too-many-keys',
    'conflict',
    `${principalId} has had ${PRINCIPAL_KEYS_MAX} keys, which is the limit.`,
    { details: { principalId } },
  )
}

/** `actualBytes` counts UTF-8. */
export function textTooLarge(size: {
  field: string
  limitBytes: number
  actualBytes: number
}): AppError {
  return new AppError(
    'objectives.text-too-large',
    'too-large',
    `${size.field} is ${size.actualBytes} bytes of UTF-8; ${size.limitBytes} bytes is the limit.`,
    { details: size },
  )
}

export function invalidText(field: string, what: string): AppError {
  return new AppError(
    'objectives.invalid-text',
    'invalid',
    `${field} holds ${what}, which is not taken. Remove it.`,
    { details: { field } },
  )
}

export function objectiveNotFound(objectiveId: string, version?: number): AppError {
  const what = version === undefined ? 'objective' : `version ${version} of an objective`
  return new AppError(
    'objectives.objective-not-found',
    'not-found',
    `There is no ${what} "${objectiveId}" here. GET /v1/objectives lists them.`,
    { details: { objectiveId, ...(version !== undefined && { version }) } },
  )
}

export function invalidObjective(field: string, what: string): AppError {
  return new AppError('objectives.invalid-objective', 'invalid', `${field} ${what}.`, {
    details: { field },
  })
}

export function versionConflict(newestVersion: number): AppError {
  return new AppError(
    'objectives.version-conflict',
    'conflict',
    `Version ${newestVersion} is the newest by now. Read it, and replace that one.`,
    { details: { newestVersion } },
  )
}

export function wrongState({ state, needed }: { state: string; needed: string }): AppError {
  return new AppError(
    'objectives.wrong-state',
    'conflict',
    `This version is ${state}; that can be done only with one that is ${needed}.`,
    { details: { state, needed } },
  )
}

export function tooManyObjectives(limit: number): AppError {
  return new AppError(
    'objectives.too-many-objectives',
    'conflict',
    `A tenant has ${limit} objectives at most. Edit one that has served its time.`,
    { details: { limit } },
  )
}

export function tooManyVersions(limit: number): AppError {
  return new AppError(
    'objectives.too-many-versions',
    'conflict',
    `An objective has ${limit} versions at most. Draft another objective.`,
    { details: { limit } },
  )
}

export function tooManyObjections(of: 'one' | 'all', limit: number): AppError {
  const whose = of === 'one' ? 'of yours ' : ''
  return new AppError(
    'objectives.too-many-objections',
    'conflict',
    `${limit} objections ${whose}were put to this version, which is the most there can be.`,
    { details: { limit } },
  )
}

export function invalidEngram(field: string, what: string): AppError {
  return new AppError('objectives.invalid-engram', 'invalid', `${field} ${what}.`, {
    details: { field },
  })
}

export function engramNotFound(engramId: string): AppError {
  return new AppError(
    'objectives.engram-not-found',
    'not-found',
    `There is no engram "${engramId}" here. GET /v1/engrams recalls them.`,
    { details: { engramId } },
  )
}

export function notInCircle(circle: string): AppError {
  return new AppError(
    'objectives.not-in-circle',
    'forbidden',
    `Your token does not belong to ${circle}. Ask an operator for one with the scope ${circle}.`,
    { details: { circle } },
  )
}

export function queryWithoutWords(): AppError {
  return new AppError(
    'objectives.query-without-words',
    'invalid',
    'query has no word to look for: words as `the` are in every text. Add one, or leave it out.',
    { details: { field: 'query' } },
  )
}

export function tooManyEngrams(limit: number): AppError {
  return new AppError(
    'objectives.too-many-engrams',
    'conflict',
    `A tenant has ${limit} engrams at most, those that have expired included.`,
    { details: { limit } },
  )
}

export function invalidSchedule(field: string, what: string): AppError {
  return new AppError('objectives.invalid-schedule', 'invalid', `${field} ${what}.`, {
    details: { field },
  })
}

export function invalidDay(field: string): AppError {
  return new AppError(
    'objectives.invalid-day',
    'invalid',
    `${field} is no day of the calendar; send one as 2026-09-30.`,
    { details: { field } },
  )
}

export function progressNotFound(objectiveId: string, day: string | undefined): AppError {
  return new AppError(
    'objectives.progress-not-found',
    'not-found',
    `Nothing was computed for objective ${objectiveId}${day === undefined ? '' : ` on ${day}`}. ` +
      'GET /v1/progress-runs lists the days.',
    { details: { objectiveId, ...(day !== undefined && { day }) } },
  )
}

export function workNotFound(kind: string, workId: string): AppError {
  return new AppError(
    'objectives.work-not-found',
    'not-found',
    `There is no ${kind} "${workId}" here. GET /v1/work lists what there is.`,
    { details: { kind, workId } },
  )
}

export function tooMuchWork(limit: number): AppError {
  return new AppError(
    'objectives.too-much-work',
    'conflict',
    `A tenant has ${limit} open tasks and fleets at most. Close what has ended.`,
    { details: { limit } },
  )
}
