import type { Socket } from 'node:net'
import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App, Gateway } from './app.ts'
import { bodyTooLate } from './errors.ts'
import { failure, failureOf, problemOf, type Failure } from './problem.ts'

const PROBLEM_JSON = 'application/problem+json; charset=utf-8'
const RETRY_AFTER_SECONDS = '1'

/**
 * The path under which a request runs whose own path is none. No route is there, and with its space
 * no request can name it.
 */
export const UNROUTABLE = '/ unroutable'

export interface KnownRoute {
  method: string
  pattern: RegExp
}

/**
 * Answers what a request threw. A bug is logged with its whole cause and shown without any of it.
 */
export function answerError(gateway: Telling) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const failed = failureOf(isLateBody(error, request) ? bodyTooLate() : error)
    tellFailure(gateway, failed, { error, route: request.routeOptions.url })
    if (failed.status === 408) void reply.header('Connection', 'close')
    return sendFailure(reply, request, failed)
  }
}

type Telling = Pick<Gateway, 'log'> & Partial<Gateway>

/** Counts what failed, and logs what is a fault of ours with its whole cause. */
export function tellFailure(
  { log, metrics }: Telling,
  { code, status }: Failure,
  of: object,
): void {
  if (status >= 500 && code !== 'gateway.stopping') log.error({ ...of, code }, 'request-failed')
  metrics?.problems.inc({ code })
}

/** The time was up before the body was there: the handler did not even begin. */
function isLateBody(error: unknown, { raw }: FastifyRequest): boolean {
  const isTimeOut =
    error instanceof Error && 'code' in error && error.code === 'FST_ERR_HANDLER_TIMEOUT'
  return isTimeOut && !raw.complete
}

/** 400 for no path at all, 404, or 405 with `Allow` where only the method is wrong. */
export function answerUnmatched(routes: readonly KnownRoute[]) {
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split('?', 1)[0] ?? ''
    if (path === UNROUTABLE) {
      const detail = 'The path is not a valid one.'
      return sendFailure(reply, request, failure('gateway.malformed-request', detail))
    }
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    // A route that is there may itself find nothing, as the one for files does.
    if (allowed.length === 0 || allowed.includes(request.method)) {
      return sendFailure(reply, request, failure('gateway.route-not-found', 'Nothing is here.'))
    }
    void reply.header('Allow', [...new Set(allowed)].join(', '))
    const detail = `${request.method} is not possible here.`
    return sendFailure(reply, request, failure('gateway.method-not-allowed', detail))
  }
}

export function sendFailure(
  reply: FastifyReply,
  request: FastifyRequest,
  failed: Failure,
): FastifyReply {
  const traceId = request.trace?.traceId ?? randomBytes(16).toString('hex')
  if (failed.status === 401) void reply.header('WWW-Authenticate', 'Bearer realm="mumega"')
  if (failed.status === 503 || failed.status === 429) retryLater(reply)
  void reply.header('Trace-Id', traceId)
  return reply
    .code(failed.status)
    .header('Cache-Control', 'no-store')
    .header('Content-Type', PROBLEM_JSON)
    .send(JSON.stringify(problemOf(failed, traceId)))
}

/** The rate limit knows better, and has said so already. */
function retryLater(reply: FastifyReply): void {
  if (!reply.hasHeader('Retry-After')) void reply.header('Retry-After', RETRY_AFTER_SECONDS)
}

/** Answers bytes that are no HTTP request: there is no request object to speak of. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const traceId = randomBytes(16).toString('hex')
  const problem = problemOf(clientFailureOf(error.code), traceId)
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `Content-Type: ${PROBLEM_JSON}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Trace-Id: ${traceId}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function clientFailureOf(code: string | undefined): Failure {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return failure('gateway.headers-too-large', 'The headers are larger than 8192 bytes.')
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return failure('gateway.request-timeout', 'The request did not arrive in time.')
  }
  return failure('gateway.malformed-request', 'This is not a valid HTTP request.')
}

/** Collects every route that is added from now on. */
export function listRoutes(app: App): readonly KnownRoute[] {
  const routes: KnownRoute[] = []
  app.addHook('onRoute', ({ method, url }) => {
    const literal = url.replaceAll('.', '\\.').replaceAll('*', '.+')
    const source = literal.replaceAll(/:[A-Za-z]+/g, '[^/]+')
    const pattern = new RegExp(`^${source}$`)
    for (const each of [method].flat()) routes.push({ method: each, pattern })
  })
  return routes
}
