import { Compile } from 'typebox/compile'
import type { Static, TSchema } from 'typebox'
import { complaintsOf, type SchemaComplaint } from '@mumega/contracts/variants'
import { AppError } from '@mumega/errors'

export interface Validator<Schema extends TSchema> {
  check(value: unknown): value is Static<Schema>
  /** Names the first field that is wrong, as a JSON pointer without its first slash. */
  complaint(value: unknown): { field: string; problem: string }
}

const compiled = new WeakMap<TSchema, Validator<TSchema>>()

/** The validator of a schema, compiled once. */
export function validatorOf<Schema extends TSchema>(schema: Schema): Validator<Schema> {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const type = Compile(schema)
  const validator: Validator<Schema> = {
    check: (value): value is Static<Schema> => type.Check(value),
    complaint: (value) => describe(complaintsOf(type, value)),
  }
  compiled.set(schema, validator)
  return validator
}

/**
 * `value` as the request of `subject`. @throws bus.invalid-request, whose details name the field.
 */
export function checkRequest<Schema extends TSchema>(
  schema: Schema,
  value: unknown,
): Static<Schema> {
  const validator = validatorOf(schema)
  if (validator.check(value)) return value
  const { field, problem } = validator.complaint(value)
  throw invalidRequest(field, problem)
}

export function invalidRequest(field: string, problem: string): AppError {
  const message = field === '' ? `The request ${problem}.` : `${field} ${problem}.`
  return new AppError('bus.invalid-request', 'invalid', message, { details: { field } })
}

function describe([first]: readonly SchemaComplaint[]): { field: string; problem: string } {
  const { instancePath = '', message = 'is not valid', params = {} } = first ?? {}
  const path = instancePath.slice(1)
  const missing = missingOf(params)
  if (missing === undefined) return { field: path, problem: message }
  return { field: path === '' ? missing : `${path}/${missing}`, problem: 'must be present' }
}

function missingOf(params: object): string | undefined {
  if (!('requiredProperties' in params) || !Array.isArray(params.requiredProperties))
    return undefined
  const first: unknown = params.requiredProperties[0]
  return typeof first === 'string' ? first : undefined
}
