import type { FastifyRequest } from 'fastify'
import { invalidField } from './errors.ts'

// How a query or a path writes a value that is no text. The validator converts more than that:
// `0x10`, `1e2`, an empty value, `TRUE`.
const WRITTEN: Readonly<Record<string, readonly [pattern: RegExp, reason: string]>> = {
  integer: [/^-?[0-9]{1,21}$/, 'must be one whole number, written in digits'],
  boolean: [/^(true|false)$/, 'must be true or false'],
}

const SHOWN_MAX = 100

/**
 * Refuses parameters that only a generous reader takes for numbers, and those of a query that
 * cannot be decoded. What the router cannot decode of a path it refuses itself.
 */
export function checkParameters(request: FastifyRequest): void {
  const { schema } = request.routeOptions
  checkEncoding(request.raw.url ?? '')
  checkValues(schema?.querystring, request.query)
  checkValues(schema?.params, request.params)
}

/** Other decoders leave what they do not understand as it is: the caller finds something else. */
function checkEncoding(url: string): void {
  const [, query = ''] = /\?(.*)$/s.exec(url) ?? []
  for (const parameter of query.split('&')) {
    if (decoded(parameter) !== undefined) continue
    const name = decoded(parameter.split('=', 1)[0] ?? '')
    const field = name?.slice(0, SHOWN_MAX) ?? 'query'
    throw invalidField(field, 'must be UTF-8, percent-encoded: %C3%A4 for ä, and %25 for % itself')
  }
}

/** Undefined for what is not percent-encoded UTF-8. */
function decoded(text: string): string | undefined {
  if (!/^[\x21-\x7e]*$/.test(text)) return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function checkValues(schema: unknown, values: unknown): void {
  if (typeof values !== 'object' || values === null) return
  for (const [name, value] of Object.entries(values)) {
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
