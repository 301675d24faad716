import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { App } from './app.ts'
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
export async function documentApi(app: App): Promise<void> {
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
        { name: 'audit', description: 'Receipts, and what verifies them.' },
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
  await app.register(swaggerUi, {
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
  })
}
