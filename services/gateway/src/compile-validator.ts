import type { FastifySchemaCompiler } from 'fastify'
import { Compile } from 'typebox/compile'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { complaintsOf } from '@mumega/contracts/variants'

/** As Fastify's own for TypeBox, but for what a wrong list costs. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema)
  return (given: unknown) => {
    const value = httpPart === 'body' ? given : Value.Convert(schema, given)
    if (validator.Check(value)) return { value }
    return { error: [...complaintsOf(validator, value)] as never }
  }
}
