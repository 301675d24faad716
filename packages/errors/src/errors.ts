import { types } from 'node:util'

/**
 * What kind of failure an expected error is; it decides the status and what the caller does next.
 */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'too-large'
  | 'unprocessable'
  | 'limited'
  | 'unavailable'
  | 'bug'

const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  unprocessable: 422,
  limited: 429,
  unavailable: 503,
  bug: 500,
}

export interface ErrorOptions {
  /** Logged with its chain, never shown. */
  cause?: unknown
  /**
   * Named fields for the caller, for instance `{ field: 'text', limitBytes: 16384 }`. Safe to show.
   */
  details?: Readonly<Record<string, string | number | boolean>>
}

/**
 * An expected failure. `code` is `<domain>.<kebab-name>`, stable and never reused; callers
 * recognise an error by it. `message` is safe to show, says what is wrong and what to do; it never
 * contains the cause's text.
 */
export class AppError extends Error {
  readonly code: string
  readonly kind: ErrorKind
  readonly details: Readonly<Record<string, string | number | boolean>>

  // eslint-disable-next-line max-params -- the three are what every error has; the last is by name
  constructor(code: string, kind: ErrorKind, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.kind = kind
    this.details = options.details ?? {}
  }

  /** The HTTP status, also sent as `Nats-Service-Error-Code`. */
  get status(): number {
    return STATUS[this.kind]
  }
}

/** Recognised by its shape, so that an error of another copy of this package counts too. */
export function isAppError(error: unknown): error is AppError {
  return (
    types.isNativeError(error) &&
    typeof (error as Partial<AppError>).code === 'string' &&
    typeof (error as Partial<AppError>).kind === 'string' &&
    isErrorKind((error as AppError).kind)
  )
}

/** Whether `error` is the expected failure `code`. */
export function hasCode(error: unknown, code: string): error is AppError {
  return isAppError(error) && error.code === code
}

/** Whether `kind` is one this version knows; another is treated as a bug by the receiver. */
export function isErrorKind(kind: string): kind is ErrorKind {
  return Object.hasOwn(STATUS, kind)
}
