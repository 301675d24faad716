import { Type } from 'typebox'
import type { RouteOptions } from 'fastify'
import type { RequestContract } from '@mumega/contracts/define'
import { statusOf } from './problem-codes.ts'

/** RFC 9457 problem details. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: '`urn:mumega:error:<code>`' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong, and what to do about it.' }),
    code: Type.String({ description: 'Stable: what programs decide by.' }),
    instance: Type.String({ description: '`urn:mumega:trace:<traceId>`' }),
    traceId: Type.String(),
    field: Type.Optional(Type.String({ description: 'The field that is wrong, dotted.' })),
  },
  { $id: 'Problem', additionalProperties: true },
)

const ALWAYS = [
  'gateway.invalid-request',
  'gateway.malformed-request',
  'gateway.internal-error',
  'gateway.timeout',
]
const ANY_CALL = [
  'bus.no-responders',
  'bus.overloaded',
  'bus.timeout',
  'bus.unavailable',
  'db.unavailable',
]
const AUTHENTICATED = [
  'gateway.token-missing',
  'gateway.token-unknown',
  'gateway.token-expired',
  'gateway.token-revoked',
  'gateway.cannot-authenticate',
]
const WITH_BODY = [
  'gateway.request-timeout',
  'gateway.malformed-json',
  'gateway.body-too-large',
  'gateway.unsupported-media-type',
]

/**
 * What a route answers, its problems included: those it names, and those its access and schemas
 * imply.
 */
export function problemResponses(route: RouteOptions): Record<number, unknown> {
  const byStatus = new Map<number, string[]>()
  for (const code of codesOf(route).sort()) {
    const status = statusOf(code)
    if (status === undefined) throw new Error(`${route.url} names the unknown problem ${code}`)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const responses: Record<number, unknown> = { ...(route.schema?.response as object | undefined) }
  for (const [status, codes] of byStatus) responses[status] = responseOf(status, codes)
  return responses
}

function codesOf({ method, config }: RouteOptions): string[] {
  const access = config?.access
  const codes = new Set([...ALWAYS, ...(config?.problems ?? [])])
  for (const contract of config?.calls ?? [])
    for (const code of callCodes(contract)) codes.add(code)
  if (config?.rateLimit !== false) codes.add('gateway.rate-limited')
  if (access !== 'public') for (const code of AUTHENTICATED) codes.add(code)
  if (access !== 'public' && access !== 'any-token') codes.add('gateway.scope-missing')
  if (method !== 'GET') for (const code of WITH_BODY) codes.add(code)
  return [...codes]
}

function callCodes({ request, errors }: RequestContract): string[] {
  const isOnce = 'properties' in request && 'requestId' in (request.properties as object)
  return [...errors, ...ANY_CALL, ...(isOnce ? ['gateway.idempotency-key-reused'] : [])]
}

/** A caller that is told 429 or 503 is always told when to come back. */
function responseOf(status: number, codes: string[]) {
  const waits = status === 429 || status === 503
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    ...(waits ? { headers: { 'Retry-After': { type: 'integer', description: 'Seconds.' } } } : {}),
    content: {
      'application/problem+json': {
        schema: { $ref: 'Problem#' },
      },
    },
  }
}
