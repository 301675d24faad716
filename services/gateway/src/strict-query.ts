import type { FastifyRequest } from 'fastify'
import { invalidField } from './errors.ts'

// How a query writes a value that is no text. The validator converts more than that: `0x10`, `1e2`,
// an empty value, `TRUE`.
const WRITTEN: Readonly<Record<string, readonly [pattern: RegExp, reason: string]>> = {
  integer: [/^-?[0-9]{1,21}$/, 'must be one whole number, written in digits'],
  boolean: [/^(true|false)$/, 'must be true or false'],
}

/** Refuses query parameters that only a generous reader takes for numbers. */
export function checkQuery(request: FastifyRequest): void {
  const schema = request.routeOptions.schema?.querystring
  const query: unknown = request.query
  if (typeof query !== 'object' || query === null) return
  for (const [name, value] of Object.entries(query)) {
    const [pattern, reason] = WRITTEN[typeOf(schema, name)] ?? []
    if (pattern === undefined || reason === undefined) continue
    if (typeof value !== 'string' || !pattern.test(value)) throw invalidField(name, reason)
  }
}

function typeOf(schema: unknown, name: string): string {
  const property = memberOf(memberOf(schema, 'properties'), name)
  return String(memberOf(property, 'type'))
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([key]) => key === name)?.[1]
}
