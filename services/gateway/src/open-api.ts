import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { isAppError } from '@mumega/errors'
import type { App, Gateway } from './app.ts'
import { answerError } from './answer-error.ts'
import { VERSION } from './config.ts'
import { Problem } from './problem-responses.ts'

const DESCRIPTION = `The public API of Mumega.

Every request but those marked so needs a token: \`Authorization: Bearer mmg_…\`. Every error is an
RFC 9457 problem (\`application/problem+json\`) whose \`code\` is stable; 429 and 503 say in
\`Retry-After\` when to come back. Every response names its trace in \`Trace-Id\`. Unknown fields
and query parameters are refused. Times are UTC.`

/**
 * Collects the routes that are added after it into one OpenAPI 3.1 document, and shows it at /docs.
 */
export async function documentApi(app: App, gateway: Gateway): Promise<void> {
  app.addSchema(Problem)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Mumega', version: VERSION, description: DESCRIPTION },
      servers: [{ url: '/' }],
      tags: [
        { name: 'tenants', description: 'The customers of the company.' },
        { name: 'agents', description: 'Who works in a tenant.' },
        { name: 'tokens', description: 'What callers prove themselves with.' },
        { name: 'messages', description: 'From agent to agent.' },
        { name: 'inbox', description: 'What an agent received.' },
        { name: 'mcp', description: 'The same for models, as tools.' },
        { name: 'audit', description: 'Receipts, and what verifies them.' },
        { name: 'gate', description: 'What was found in the work, and how it was judged.' },
        { name: 'operations', description: 'For those who keep it running.' },
      ],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    refResolver: {
      buildLocalReference: ({ $id }) => (typeof $id === 'string' ? $id : 'unnamed'),
    },
    transform: ({ schema, url, route }) => ({
      schema:
        route.config?.access === 'public'
          ? { ...schema, security: [] }
          : { ...schema, security: [{ token: [] }] },
      url,
    }),
  })
  await app.register(async (docs) => {
    const answer = answerError(gateway)
    docs.setErrorHandler((error, request, reply) =>
      isNoFile(error) ? reply.callNotFound() : answer(error, request, reply),
    )
    await docs.register(swaggerUi, pageOptions)
  })
}

/** A path that climbs, holds NUL or is too long for the file system is not there, no more. */
function isNoFile(error: unknown): boolean {
  if (isAppError(error) || !(error instanceof Error)) return false
  if ('code' in error && error.code === 'ENAMETOOLONG') return true
  const status = 'statusCode' in error ? Number(error.statusCode) : 500
  return status === 400 || status === 403 || status === 404
}

const pageOptions = {
  routePrefix: '/docs',
  uiConfig: { validatorUrl: null },
  // Everything comes from here: the page works without a network, and can send nothing elsewhere.
  staticCSP: {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'", 'data:'],
    'font-src': ["'self'", 'data:'],
    'connect-src': ["'self'"],
    'base-uri': ["'none'"],
    'frame-ancestors': ["'none'"],
    'form-action': ["'none'"],
  },
}
