import { Type } from 'typebox'
import { listUndelivered, redeliverMessage } from '@mumega/contracts/deliveries'
import { AgentName, Cursor, TenantId, Uuid } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { getTenant } from '../get-tenant.ts'
import { requestIdOf } from '../request-id.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'

const tags = ['operations']

/** The messages that agents never acknowledged, for operators. */
export function addUndeliveredRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/tenants/:tenantId/undelivered',
    {
      config: {
        access: 'operations:read',
        calls: [listUndelivered],
        problems: ['gateway.tenant-not-found'],
      },
      schema: {
        tags,
        operationId: 'listUndelivered',
        summary: 'The messages of a tenant that are dead letters, newest first',
        params: closed({ tenantId: TenantId }),
        querystring: closed({ limit: Limit, before: Type.Optional(Cursor) }),
        response: { 200: page(listUndelivered.reply, 'before') },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request), request.params.tenantId)
      await getTenant(gateway, context)
      const page = { ...request.query, limit: request.query.limit ?? PAGE_DEFAULT }
      return gateway.bus.request(listUndelivered, page, { context })
    },
  )

  app.post(
    '/v1/tenants/:tenantId/undelivered/:messageId/:agent/redeliver',
    {
      config: {
        access: 'operations:write',
        calls: [redeliverMessage],
        problems: ['gateway.tenant-not-found'],
      },
      schema: {
        tags,
        operationId: 'redeliverMessage',
        summary: 'Deliver a dead letter to its agent again',
        description: 'To every body, as if for the first time, at its old place in the inbox.',
        headers: IdempotencyHeaders,
        params: closed({ tenantId: TenantId, messageId: Uuid, agent: AgentName }),
        response: { 200: answer('In the inbox again.', redeliverMessage.reply) },
      },
    },
    async (request) => {
      const { tenantId, messageId, agent } = request.params
      const context = contextOf(sessionOf(request), tenantId)
      await getTenant(gateway, context)
      const redelivery = { requestId: requestIdOf(request), messageId, to: agent }
      return gateway.bus.request(redeliverMessage, redelivery, { context })
    },
  )
}
