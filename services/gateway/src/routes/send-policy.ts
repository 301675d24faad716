import { Type } from 'typebox'
import { getSendPolicy, setSendPolicy } from '@mumega/contracts/send-policy'
import { TenantId } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { getTenant } from '../get-tenant.ts'
import { answer, closed, IdempotencyHeaders } from '../schemas.ts'
import { sessionOf, tenantContextOf } from '../session.ts'

const tags = ['operations']
const querystring = closed({ tenantId: TenantId })
const problems = ['gateway.tenant-not-found'] as const

/** Who may write to whom in a tenant, for operators. */
export function addSendPolicyRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/send-policy',
    {
      config: { access: 'operations:read', calls: [getSendPolicy], problems },
      schema: {
        tags,
        operationId: 'getSendPolicy',
        summary: 'Who may write to whom in a tenant',
        description:
          'Of version 0 where no policy was set: then every agent may write to every other.',
        querystring,
        response: { 200: answer('The policy.', getSendPolicy.reply) },
      },
    },
    async (request) => {
      const context = tenantContextOf(sessionOf(request), request.query.tenantId)
      await getTenant(gateway, context)
      return gateway.bus.request(getSendPolicy, {}, { context })
    },
  )

  app.put(
    '/v1/send-policy',
    {
      config: { access: 'operations:write', calls: [setSendPolicy], problems },
      schema: {
        tags,
        operationId: 'setSendPolicy',
        summary: 'Set who may write to whom in a tenant',
        description:
          'The first rule that matches counts, then `default`. `from` and `to` are an agent’s name, ' +
          '`*`, or the beginning of names such as `worker-*`. What is accepted after the answer is ' +
          'judged by these rules. An answer to a message (`replyTo`) is always allowed; a broadcast ' +
          'reaches those to whom it is.',
        headers: IdempotencyHeaders,
        querystring,
        body: closed(Type.Omit(setSendPolicy.request, ['requestId']).properties),
        response: { 200: answer('It holds from now on.', setSendPolicy.reply) },
      },
    },
    async (request) => {
      const context = tenantContextOf(sessionOf(request), request.query.tenantId)
      await getTenant(gateway, context)
      const content = request.body
      return askOnce(gateway, request, { context, contract: setSendPolicy, content })
    },
  )
}
