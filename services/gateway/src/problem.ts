import { auditFilters, searchEntries } from '@mumega/contracts/audit-search'
import { recallEngrams } from '@mumega/contracts/engrams'
import { Circle } from '@mumega/contracts/gateway'
import { Commit, LockId } from '@mumega/contracts/gate'
import { getBriefing, ShapeCheck } from '@mumega/contracts/gate-shapes'
import { Day, ObjectiveContent } from '@mumega/contracts/objective-content'
import { PrincipalId, PrincipalVkey } from '@mumega/contracts/principals'
import { setProgressSchedule } from '@mumega/contracts/progress'
import { NamePattern } from '@mumega/contracts/send-policy'
import { listWork, WorkId } from '@mumega/contracts/work'
import { AgentName, Sha256Hex, TenantId, Timestamp, TraceId, Uuid } from '@mumega/contracts/scalars'
import { isAppError, type AppError } from '@mumega/errors'
import { PROBLEM_STATUS, statusOf, type ProblemCode } from './problem-codes.ts'
import { IDEMPOTENCY_KEY } from './schemas.ts'
import { ofItsVariant, type SchemaComplaint } from './variants.ts'

/**
 * An error as callers see it: RFC 9457 problem details, with our stable `code` and the trace to
 * name in a report.
 */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  instance: string
  traceId: string
  /** Further named facts, for instance `field` or `limitBytes`. */
  [fact: string]: unknown
}

/** What an error says to the outside. */
export interface Failure {
  code: string
  status: number
  detail: string
  facts: Readonly<Record<string, unknown>>
}

// What Fastify itself throws, by its code.
const FRAMEWORK: Readonly<Record<string, readonly [code: ProblemCode, detail: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'gateway.unsupported-media-type',
    'Bodies are JSON only: send `Content-Type: application/json`.',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['gateway.body-too-large', 'A body may have 65536 bytes at most.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['gateway.malformed-json', 'The body is empty, and no JSON.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['gateway.malformed-json', 'The body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'gateway.malformed-request',
    'The body is not as long as Content-Length says.',
  ],
  FST_ERR_HANDLER_TIMEOUT: [
    'gateway.timeout',
    'This took too long; whether it was done is unknown. Try again with the same Idempotency-Key.',
  ],
}

// What our patterns mean, for people.
const PATTERNS: ReadonlyMap<string, string> = new Map([
  [patternOf(Uuid), 'must be a UUID in lower case'],
  [patternOf(TenantId), 'must be 1–64 lower-case letters, digits and inner hyphens'],
  [
    patternOf(AgentName),
    'must be a lower-case letter, then at most 62 letters, digits and hyphens',
  ],
  [
    patternOf(NamePattern),
    'must be `*`, an agent’s name, or the beginning of names and one `*` behind it: worker-*',
  ],
  [patternOf(PrincipalId), 'must be agent.<name> or human.<name>'],
  [patternOf(PrincipalVkey), 'must be a verifier key: <principal>+<8 hex digits>+<base64>'],
  [patternOf(Day), 'must be a day, as 2026-09-30'],
  [patternOf(setProgressSchedule.request.properties.runAt), 'must be a time of day, as 02:00'],
  [
    patternOf(ObjectiveContent.properties.owner),
    'must be the name of an agent or a principal: kasra, agent.kasra',
  ],
  [patternOf(Circle), 'must be squad:<name>, project:<name> or entity:<name>'],
  [patternOf(recallEngrams.request.properties.after), 'must be `next` of the page before'],
  [patternOf(listWork.request.properties.after), 'must be `next` of the page before'],
  [patternOf(getBriefing.request.properties.after), 'must be `next` of the page before'],
  [patternOf(WorkId), 'must be 1–128 letters, digits and . _ : - with a letter or a digit first'],
  [patternOf(Commit), 'must be a commit: 40 or 64 lower-case hex digits'],
  [patternOf(LockId), 'must be the id of a LOCK: LOCK-<track>-<number>'],
  [
    patternOf(ShapeCheck.properties.name),
    'must be visible ASCII characters, and blanks among them',
  ],
  [patternOf(Sha256Hex), 'must be a SHA-256: 64 lower-case hex digits'],
  [patternOf(TraceId), 'must be a trace id: 32 lower-case hex digits'],
  [patternOf(Timestamp), 'must be a time in UTC with milliseconds, as 2026-11-21T08:00:00.000Z'],
  [patternOf(searchEntries.request.properties.cursor), 'must be `next` of the page before'],
  [patternOf(auditFilters.action), 'must be a dotted action, or a prefix that ends in `.*`'],
  [patternOf(auditFilters.target), 'must be <kind>:<id>, for instance deal:17'],
  [IDEMPOTENCY_KEY, 'must be 1–255 visible ASCII characters'],
])

/**
 * How `error` is shown: an expected one by its code, anything else as a bug whose text stays
 * inside.
 */
export function failureOf(error: unknown): Failure {
  if (isAppError(error)) return expected(error)
  if (!(error instanceof Error)) return BUG
  if ('validation' in error && Array.isArray(error.validation)) {
    return invalid(error.validation as SchemaComplaint[], contextOf(error))
  }
  const known = FRAMEWORK[codeOf(error)]
  if (known !== undefined) return failure(known[0], known[1])
  // Fastify says 400 of a connection that ends within a body; any other reset is not the caller's.
  if (codeOf(error) === 'ECONNRESET' && 'statusCode' in error && error.statusCode === 400) {
    return failure('gateway.malformed-request', 'The body broke off.')
  }
  if (error instanceof SyntaxError && 'statusCode' in error && error.statusCode === 400) {
    return failure('gateway.malformed-json', 'The body is not valid JSON.')
  }
  return BUG
}

/** The error of a value that breaks its schema; `part` names it where no field can be named. */
export function invalidValue(complaints: readonly SchemaComplaint[], part: string): Error {
  return Object.assign(new Error(`${part} break their schema`), {
    validation: complaints,
    validationContext: part,
  })
}

/** The body of the response to a failed request. */
export function problemOf({ code, status, detail, facts }: Failure, traceId: string): Problem {
  const members = {
    type: `urn:mumega:error:${code}`,
    title: titleOf(code),
    status,
    detail,
    code,
    instance: `urn:mumega:trace:${traceId}`,
    traceId,
  }
  // The members of the standard come first, and no fact can take their place.
  return { ...members, ...facts, ...members }
}

/** A failure that is no exception, by its code. */
export function failure(
  code: ProblemCode,
  detail: string,
  facts: Readonly<Record<string, unknown>> = {},
): Failure {
  return { code, status: PROBLEM_STATUS[code], detail, facts }
}

const BUG = failure(
  'gateway.internal-error',
  'This is a mistake of ours. Report it with the trace id.',
)

function expected(error: AppError): Failure {
  if (error.kind === 'bug') return BUG
  if (error.code === 'db.request-id-reused') {
    return failure(
      'gateway.idempotency-key-reused',
      'This Idempotency-Key was used before with another request. Use a new key.',
    )
  }
  const status = statusOf(error.code) ?? error.status
  return { code: error.code, status, detail: error.message, facts: error.details }
}

/**
 * Names the first field that is wrong: what is unknown or missing before what has a wrong value.
 */
function invalid(all: readonly SchemaComplaint[], part: string): Failure {
  const complaints = ofItsVariant(all)
  const chosen =
    complaints.find(({ keyword }) => keyword === 'additionalProperties') ??
    complaints.find(({ keyword }) => keyword === 'required') ??
    choiceOf(complaints) ??
    complaints.find(({ keyword }) => keyword !== 'const' && keyword !== 'boolean') ??
    complaints[0]
  const path = (chosen?.instancePath ?? '').split('/').slice(1)
  const field = [...path, ...namedIn(chosen?.params)].join('.') || part
  return failure('gateway.invalid-request', `${field} ${reasonOf(chosen, complaints)}.`, { field })
}

/** A choice among values of which some are written by a pattern: none of them is the reason. */
function choiceOf(complaints: readonly SchemaComplaint[]): SchemaComplaint | undefined {
  const pattern = complaints.find(({ keyword }) => keyword === 'pattern')
  if (pattern === undefined) return undefined
  const here = complaints.filter(({ instancePath }) => instancePath === pattern.instancePath)
  return allowedBy(here).length === 0 ? undefined : here.find(({ keyword }) => keyword === 'anyOf')
}

function allowedBy(complaints: readonly SchemaComplaint[]): unknown[] {
  return complaints.flatMap(({ params }) => {
    if (params && 'allowedValues' in params) return params.allowedValues
    return params && 'allowedValue' in params ? [params.allowedValue] : []
  })
}

function reasonOf(chosen: SchemaComplaint | undefined, all: readonly SchemaComplaint[]): string {
  if (chosen?.keyword === 'additionalProperties') return 'is not a known field'
  if (chosen?.keyword === 'required') return 'is missing'
  if (chosen?.keyword === 'anyOf' || chosen?.keyword === 'const') {
    const here = all.filter(({ instancePath }) => instancePath === chosen.instancePath)
    const written = here.filter(({ keyword }) => keyword === 'pattern')
    const others = written.map(({ params }) => `, or ${patternReason(params)}`)
    return `must be one of ${allowedBy(here).join(', ')}${others.join('')}`
  }
  if (chosen?.keyword === 'pattern') return patternReason(chosen.params)
  return chosen?.message ?? 'is wrong'
}

function patternOf(schema: object): string {
  return 'pattern' in schema ? String(schema.pattern) : ''
}

function patternReason(params: object | undefined): string {
  const pattern = params && 'pattern' in params ? String(params.pattern) : ''
  return PATTERNS.get(pattern) ?? 'is not written as /openapi.json describes it'
}

/** The properties that a complaint about an object names: the first is enough to mend it. */
function namedIn(params: object | undefined): string[] {
  const names =
    params && 'additionalProperties' in params
      ? params.additionalProperties
      : params && 'requiredProperties' in params
        ? params.requiredProperties
        : []
  return Array.isArray(names) && typeof names[0] === 'string' ? [names[0].slice(0, 100)] : []
}

/** `token-missing` gives `Token missing`. */
function titleOf(code: string): string {
  const words = code.slice(code.indexOf('.') + 1).replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function contextOf(error: Error): string {
  return 'validationContext' in error ? String(error.validationContext) : 'request'
}
