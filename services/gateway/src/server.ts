import helmet from '@fastify/helmet'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Server } from 'node:http'
import Fastify, {
  LogController,
  type FastifyHttpOptions,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { App, Gateway } from './app.ts'
import { checkAccess } from './access.ts'
import {
  answerClientError,
  answerError,
  answerUnmatched,
  listRoutes,
  UNROUTABLE,
} from './answer-error.ts'
import { shareConnections, type ConnectionLimits } from './connection-shares.ts'
import { compileValidator } from './compile-validator.ts'
import { readJsonBodies } from './json-body.ts'
import { documentApi } from './open-api.ts'
import { authorizedTwice, hostMissing } from './errors.ts'
import { limitRates } from './rate-limits.ts'
import { addRoutes } from './routes/routes.ts'
import { measureRequests } from './telemetry.ts'
import { traceRequests } from './trace-request.ts'

const BODY_BYTES_MAX = 65_536
const HEADER_BYTES_MAX = 8_192
const CONNECTIONS_MAX = 4_096
const HANDLER_MS_MAX = 20_000

/** The HTTP server with every route, ready to listen. */
export async function buildServer(gateway: Gateway): Promise<App> {
  const options = { ...optionsOf(gateway), frameworkErrors: routeUnroutable }
  const app: App = Fastify(options).withTypeProvider<TypeBoxTypeProvider>()
  shareConnections(app.server, connectionLimits(gateway), gateway.metrics)
  app.setValidatorCompiler(compileValidator)
  app.setErrorHandler(answerError(gateway))

  const routes = listRoutes(app)
  traceRequests(app)
  refuseAmbiguous(app)
  measureRequests(app, gateway.metrics)
  checkAccess(app, gateway)
  // After it: whoever may not call is told that first.
  readJsonBodies(app)
  await app.register(helmet, helmetOptions)
  await limitRates(app, gateway)
  await documentApi(app, gateway)
  addRoutes(app, gateway)
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, answerUnmatched(routes))
  await app.ready()
  return app

  /**
   * A path that cannot be decoded goes the way of one that leads nowhere: through the rate limit
   * and every other hook, which the router passes by.
   */
  function routeUnroutable(_error: unknown, { raw }: FastifyRequest, reply: FastifyReply): void {
    raw.url = UNROUTABLE
    app.routing(raw, reply.raw)
  }
}

function optionsOf({ config, log }: Gateway): FastifyHttpOptions<Server> {
  return {
    loggerInstance: log,
    // Metrics and traces say it; what fails is logged where it is answered.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    // The headers bound the path. What is too long is refused by its schema, after the token.
    routerOptions: { maxParamLength: HEADER_BYTES_MAX },
    // To receive a request, and to handle it. Streams and asks have bounds of their own.
    requestTimeout: 30_000,
    handlerTimeout: HANDLER_MS_MAX,
    keepAliveTimeout: 65_000,
    // Node would answer a missing Host without a body; `refuseAmbiguous` does it with a problem.
    http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: 15_000, requireHostHeader: false },
    trustProxy: config.MUMEGA_TRUSTED_PROXIES?.split(',').map((range) => range.trim()) ?? false,
    // While it stops, requests on open connections are still answered, and the connection is
    // closed.
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
  }
}

function connectionLimits({ config }: Gateway): ConnectionLimits {
  return { max: CONNECTIONS_MAX, perAddressMax: config.MUMEGA_CONNECTIONS_PER_ADDRESS_MAX }
}

/**
 * RFC 9112 §3.2: a request of HTTP/1.1 without a Host, or with two, is answered 400. So is one with
 * two tokens, of which Node would show only the first.
 */
function refuseAmbiguous(app: App): void {
  app.addHook('onRequest', async ({ raw }) => {
    if ((raw.headersDistinct['authorization']?.length ?? 0) > 1) throw authorizedTwice()
    const hosts = raw.headersDistinct['host']?.length ?? 0
    if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1')) throw hostMissing()
  })
}

// Responses are JSON and text: nothing may be loaded, framed or guessed. The page of /docs brings
// its own policy.
const helmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  referrerPolicy: { policy: 'no-referrer' as const },
  strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: true },
}
