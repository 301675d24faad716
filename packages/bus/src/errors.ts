import { AppError, isAppError } from '@mumega/errors'
import { errors as natsErrors } from '@nats-io/transport-node'

export function busUnavailable(cause?: unknown): AppError {
  return new AppError('bus.unavailable', 'unavailable', 'The message bus cannot be reached.', {
    cause,
  })
}

export function timedOut(subject: string, cause?: unknown): AppError {
  const message = `${subject} was not answered in time. It may still take effect.`
  return new AppError('bus.timeout', 'unavailable', message, { cause })
}

export function noResponders(subject: string, cause?: unknown): AppError {
  const message = `Nobody answers ${subject} at the moment.`
  return new AppError('bus.no-responders', 'unavailable', message, { cause })
}

export function overloaded(subject: string): AppError {
  return new AppError('bus.overloaded', 'unavailable', `Too many requests wait for ${subject}.`)
}

export function tooLarge(subject: string, size: { bytes: number; limitBytes: number }): AppError {
  const message = `A message on ${subject} holds at most ${size.limitBytes} bytes.`
  return new AppError('bus.too-large', 'too-large', message, { details: size })
}

export function notPermitted(subject: string, cause?: unknown): AppError {
  const message = `This service may not publish on ${subject}.`
  return new AppError('bus.not-permitted', 'bug', message, { cause })
}

export function invalidReply(subject: string, problem: string, cause?: unknown): AppError {
  const message = `The reply of ${subject} breaks its contract: ${problem}.`
  return new AppError('bus.invalid-reply', 'bug', message, { cause })
}

/** What a caller sees of a bug: that there is one, and nothing of it. */
export function hiddenBug(cause?: unknown): AppError {
  const message = 'The service failed in a way it does not know. The failure was logged.'
  return new AppError('bus.bug', 'bug', message, { cause })
}

/** The `AppError` for what the NATS client threw while it waited for an answer on `subject`. */
export function asBusError(error: unknown, subject: string): AppError {
  if (isAppError(error)) return error
  const root = rootOf(error)
  if (root instanceof natsErrors.NoRespondersError) return noResponders(subject, error)
  if (root instanceof natsErrors.TimeoutError) return timedOut(subject, error)
  if (root instanceof natsErrors.PermissionViolationError) return notPermitted(subject, error)
  // Closed, draining or cut off: in each case the connection is not there.
  return busUnavailable(error)
}

function rootOf(error: unknown): unknown {
  return error instanceof natsErrors.RequestError && error.cause !== undefined ? error.cause : error
}
