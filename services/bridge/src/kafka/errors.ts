import { AppError } from '@mumega/errors'

/** `what` of the record cannot be read. */
export function recordInvalid(what: string): AppError {
  return new AppError('bridge.record-invalid', 'invalid', `The record is refused for ${what}.`)
}

/** Its value can be read in two ways; `why` says where. */
export function recordAmbiguous(why: string): AppError {
  return new AppError('bridge.record-ambiguous', 'invalid', `The record is ambiguous: ${why}.`)
}

export function recordTooLarge(limitBytes: number, actualBytes: number): AppError {
  return new AppError(
    'bridge.record-too-large',
    'too-large',
    `The record's value has ${actualBytes} bytes; ${limitBytes} is the limit.`,
    { details: { limitBytes, actualBytes } },
  )
}

export function recordWithoutToken(): AppError {
  return new AppError(
    'bridge.record-without-token',
    'unauthenticated',
    'Nothing says whose record it is: its header authorization has no `Bearer mmg_…`.',
  )
}

export function recordOfOtherTenant(claimed: string): AppError {
  return new AppError(
    'bridge.record-of-other-tenant',
    'forbidden',
    `The record's token is not of the tenant "${claimed}".`,
  )
}

/** It has been here before: taking it again would send it round and round. */
export function recordLooped(instance: string): AppError {
  return new AppError(
    'bridge.record-looped',
    'conflict',
    `The record has come from "${instance}", which is this system.`,
  )
}
