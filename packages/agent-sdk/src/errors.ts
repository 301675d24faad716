import { AppError } from '@mumega/errors'

/** For what nothing can be done with, before anything is asked. */
export function invalidOption(field: string, what: string): AppError {
  return new AppError('agent-sdk.invalid-option', 'invalid', `${field} ${what}.`, {
    details: { field },
  })
}
