import { type Static, type TObject, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { AppError } from '@mumega/errors'

/**
 * Reads a service's settings from the environment by its one schema. Variables that the schema does
 * not name are ignored. Numbers and booleans are converted from text; an empty string counts as
 * absent.
 *
 * @throws config.invalid naming every variable that is missing or wrong, and never its value: it
 * may be a secret.
 */
export function readConfig<Schema extends TObject>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): Static<Schema> {
  const present = Object.fromEntries(
    Object.keys(schema.properties)
      .map((name) => [name, environment[name]] as const)
      .filter(([, text]) => text !== undefined && text !== '')
      .map(([name, text = '']) => [name, valueOf(schema.properties[name], text)]),
  )
  const candidate = Value.Default(schema, present)
  if (Value.Check(schema, candidate)) return candidate
  // eslint-disable-next-line no-restricted-syntax -- whoever sets the environment asks nobody
  const complaints = Value.Errors(schema, candidate).map((error) => describe(error))
  throw new AppError('config.invalid', 'invalid', `Wrong settings: ${complaints.join('; ')}.`)
}

const INTEGER = /^-?[0-9]+$/
const NUMBER = /^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i

/** What the text says; the text itself where that is nothing of this type, for the check. */
function valueOf(schema: TSchema | undefined, text: string): unknown {
  const type = schema !== undefined && 'type' in schema ? schema.type : undefined
  if (type === 'integer' && INTEGER.test(text)) return Number(text)
  if (type === 'number' && NUMBER.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function describe(error: {
  instancePath: string
  keyword: string
  message: string
  params: object
}) {
  const name = error.instancePath.split('/')[1]
  if (name !== undefined && 'allowedValues' in error.params) {
    return `${name} must be one of ${(error.params.allowedValues as string[]).join(', ')}`
  }
  if (name !== undefined && name !== '') return `${name} ${error.message}`
  if ('requiredProperties' in error.params) {
    return `${(error.params.requiredProperties as string[]).join(', ')} must be set`
  }
  return error.message
}
