import type { IncomingMessage } from 'node:http'
import type { App, Gateway } from './app.ts'
import { authenticate, readLiveToken } from './authentication.ts'
import { noBodyExpected } from './errors.ts'
import { problemResponses } from './problem-responses.ts'
import { closed } from './schemas.ts'
import { checkScope, sessionOf } from './session.ts'
import { checkParameters } from './strict-parameters.ts'

const DOCS = '/docs'
// What a route does not name is refused, also where it names nothing.
const NO_QUERY = closed({})

/**
 * Authenticates every request and holds every route to the access that it declares; a route that
 * declares none does not start. The failure is thrown only after the rate limit has counted it, and
 * before the body is read; the token of a body that came later is looked up again after it.
 */
export function checkAccess(app: App, gateway: Gateway): void {
  app.decorateRequest('session')
  app.decorateRequest('authenticationFailure')
  app.decorateRequest('isWholeAtFirst', false)

  app.addHook('onRoute', (route) => {
    if (route.url.startsWith(DOCS)) {
      route.config = { ...route.config, access: 'public' }
      return
    }
    if (route.config?.access === undefined)
      throw new Error(`${route.url} does not say who may call it`)
    const querystring = route.schema?.querystring ?? NO_QUERY
    route.schema = { ...route.schema, querystring, response: problemResponses(route) }
  })

  app.addHook('onRequest', async (request, reply) => {
    const { access } = request.routeOptions.config
    if (access === undefined || access === 'public') return
    // What one caller may read is for nobody else. Routes whose answer may be kept say so.
    void reply.header('Cache-Control', 'no-store')
    request.isWholeAtFirst = await isWhole(request.raw)
    try {
      request.session = await authenticate(gateway, request.headers.authorization)
    } catch (error) {
      request.authenticationFailure = asError(error)
    }
  })

  app.addHook('preParsing', async (request) => {
    const { access } = request.routeOptions.config
    if (access === undefined || access === 'public') return
    if (request.authenticationFailure !== undefined) throw request.authenticationFailure
    checkScope(sessionOf(request), access)
  })

  app.addHook('preValidation', async (request) => {
    // A body may take its time, in which the token can end. Most requests come in one piece and
    // need no second look.
    if (request.session !== undefined && !request.isWholeAtFirst) {
      await readLiveToken(gateway, request.session.tokenHash)
    }
    checkParameters(request)
    if (request.body !== undefined && request.routeOptions.schema?.body === undefined) {
      throw noBodyExpected()
    }
  })
}

/** Whether all of a request is there: a body in the packets of its head, or none at all. */
async function isWhole(raw: IncomingMessage): Promise<boolean> {
  // Node tells of a head before it parses on; one turn later it has parsed what came with it.
  if (!raw.complete) await new Promise((resolve) => setImmediate(resolve))
  return raw.complete
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
