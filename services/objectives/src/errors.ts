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
  unsigned: 'is not signed by every key that has to sign it',
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
    `${field} ${FAULTS[fault]}. Sign exactly the text in \`expected\`.`,
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
    `${field} holds ${what}, which cannot be stored unchanged. Remove it.`,
    { details: { field } },
  )
}
