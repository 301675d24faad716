import { Type, type TObject, type TProperties, type TSchema } from 'typebox'
import { IDEMPOTENCY_KEY } from '@mumega/contracts/gateway'

/** An object of exactly these fields: only the gateway refuses unknown ones, from the public. */
export function closed<Properties extends TProperties>(
  properties: Properties,
): TObject<Properties> {
  return Type.Object(properties, { additionalProperties: false })
}

/** A response's schema, with the sentence that describes it. */
export function answer<Schema extends TSchema>(description: string, schema: Schema): Schema {
  return { ...schema, description }
}

/** A response that is one page of a list. */
export function page<Schema extends TSchema>(
  schema: Schema,
  parameter: 'after' | 'before',
): Schema {
  return answer(`A page. \`next\`, when present, is the \`${parameter}\` of the next one.`, schema)
}

/** A response that is no JSON. */
export function textAnswer(description: string, contentType = 'text/plain') {
  return { description, content: { [contentType]: { schema: Type.String() } } }
}

/** The header of every request that changes something each time it comes. */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: IDEMPOTENCY_KEY,
      description:
        '1–255 visible ASCII characters of your choice. The same key with the same request is ' +
        'done once and answered alike; with another request it is refused. Keys are kept for at ' +
        'least 30 days.',
    }),
  ),
})

/** A position in an inbox, as a query parameter. Greater ones are no exact numbers any more. */
export function positionAfter(description: string) {
  return Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description }))
}

const PAGE_MAX = 200
export const PAGE_DEFAULT = 50

export const Limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: PAGE_MAX, description: `Default ${PAGE_DEFAULT}.` }),
)
