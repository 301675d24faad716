import rateLimit from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import { AppError } from '@mumega/errors'
import type { App, Gateway } from './app.ts'
import type { Config } from './config.ts'
import { rateLimited } from './errors.ts'

// As many callers as this process tells apart; past it the least recent one starts afresh.
const LIMITED_CALLERS_MAX = 20_000

/**
 * Valid tokens are counted whatever address they come from, each together with all that were
 * delegated from it, so that delegating multiplies nothing; everybody else by address.
 */
export async function limitRates(app: App, { config }: Gateway): Promise<void> {
  await app.register(rateLimit, {
    timeWindow: 60_000,
    cache: LIMITED_CALLERS_MAX,
    enableDraftSpec: true,
    keyGenerator: callerOf,
    max: (request) => limitOf(request, config),
    errorResponseBuilder: (_request, { max }) => rateLimited(max),
  })
}

function callerOf(request: FastifyRequest): string {
  const { session, ip } = request
  if (session !== undefined) return `token:${session.token.rootTokenId}`
  return isUnanswered(request) ? `unanswered:${ip}` : `address:${ip}`
}

/**
 * Whether it could not be found out whose token it is. Such callers are not taken for strangers:
 * while the database is away, a valid token would be told that it has asked too often.
 */
function isUnanswered({ authenticationFailure: failure }: FastifyRequest): boolean {
  return failure instanceof AppError && failure.kind === 'unavailable'
}

function limitOf(request: FastifyRequest, config: Config): number {
  const { session } = request
  if (isUnanswered(request)) return config.MUMEGA_ELEVATED_RATE_LIMIT_PER_MINUTE
  if (session === undefined) return config.MUMEGA_ANONYMOUS_RATE_LIMIT_PER_MINUTE
  const standard = config.MUMEGA_RATE_LIMIT_PER_MINUTE
  if (session.token.rateClass === 'standard') return standard
  return Math.max(standard, config.MUMEGA_ELEVATED_RATE_LIMIT_PER_MINUTE)
}
