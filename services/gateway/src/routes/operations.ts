import { Registry } from 'prom-client'
import { Type } from 'typebox'
import { DependencyHealth } from '@mumega/contracts/health'
import type { App, Gateway } from '../app.ts'
import { sendFailure } from '../answer-error.ts'
import { VERSION } from '../config.ts'
import { failure } from '../problem.ts'
import { openReadiness } from '../readiness.ts'
import { answer, textAnswer } from '../schemas.ts'
import { gatherServices } from '../service-metrics.ts'

const tags = ['operations']

/**
 * Asked by probes: public, not counted by the rate limit, and none of them tells any id. A scraper
 * has a token: figures of every service are the operators'.
 */
export function addOperationRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/healthz',
    {
      config: { access: 'public', rateLimit: false },
      schema: {
        tags,
        operationId: 'getLiveness',
        summary: 'Whether this process lives',
        response: {
          200: answer(
            'It does.',
            Type.Object({ status: Type.Literal('ok'), version: Type.String() }),
          ),
        },
      },
    },
    async () => ({ status: 'ok' as const, version: VERSION }),
  )
  addReadyz(app, gateway)

  app.get(
    '/metrics',
    {
      config: { access: 'operations:read' },
      schema: {
        tags,
        operationId: 'getMetrics',
        summary: 'Metrics in Prometheus’ text format',
        description:
          'Those of this gateway, and the figures of every service, which are asked within 2 ' +
          'seconds. One that does not answer is `mumega_service_up 0`, and has no figures.',
        response: { 200: textAnswer('The metrics.') },
      },
    },
    async (_request, reply) => {
      const services = await gatherServices(gateway)
      const registry = Registry.merge([gateway.metrics.registry, services])
      return reply.type(registry.contentType).send(await registry.metrics())
    },
  )

  app.get(
    '/openapi.json',
    {
      config: { access: 'public' },
      schema: {
        tags,
        operationId: 'getOpenApi',
        summary: 'This document',
        response: {
          200: {
            description: 'OpenAPI 3.1.',
            content: {
              'application/json': { schema: { type: 'object', additionalProperties: true } },
            },
          },
        },
      },
    },
    async (_request, reply) => reply.type('application/json').send({ ...app.swagger() }),
  )
}

function addReadyz(app: App, gateway: Gateway): void {
  const Ready = Type.Object({
    status: Type.Literal('ok'),
    dependencies: Type.Array(DependencyHealth),
  })
  const readiness = openReadiness(gateway)
  app.get(
    '/readyz',
    {
      config: { access: 'public', rateLimit: false, problems: ['gateway.not-ready'] },
      schema: {
        tags,
        operationId: 'getReadiness',
        summary: 'Whether everything that this gateway depends on answers',
        description: 'What cannot be asked is `unknown`, and that is not ready either.',
        response: { 200: answer('Everything is ok.', Ready) },
      },
    },
    async (request, reply) => {
      const dependencies = await readiness.look()
      const amiss = dependencies.filter(({ status }) => status !== 'ok')
      if (amiss.length === 0) return { status: 'ok' as const, dependencies }
      const detail = amiss.map(
        ({ name, status, reason }) => `${name} is ${status}: ${reason ?? ''}`,
      )
      const failed = failure('gateway.not-ready', detail.join(' '), { dependencies })
      return sendFailure(reply, request, failed)
    },
  )
}
