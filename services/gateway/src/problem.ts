import { faultOf } from '@mumega/contracts/faults'
import type { SchemaComplaint } from '@mumega/contracts/variants'
import { isAppError, type AppError } from '@mumega/errors'
import { PROBLEM_STATUS, statusOf, type ProblemCode } from './problem-codes.ts'

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

function invalid(complaints: readonly SchemaComplaint[], part: string): Failure {
  const { field, reason } = faultOf(complaints, part)
  return failure('gateway.invalid-request', `${field} ${reason}.`, { field })
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
