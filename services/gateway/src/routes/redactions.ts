import { Type } from 'typebox'
import { redactPayload } from '@mumega/contracts/audit-ledger'
import { ServiceName, TenantId, Uuid } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'

export function addRedactionRoutes(app: App, gateway: Gateway): void {
  app.post(
    '/v1/audit/redactions',
    {
      config: { access: 'audit:redact', calls: [redactPayload] },
      schema: {
        tags: ['audit'],
        operationId: 'redactPayload',
        summary: 'Erase the payload and the salt behind an entry, for good',
        description:
          'The entry stays, and every receipt of it still verifies, as redacted. One more entry says ' +
          'who erased it, why, and on what legal basis: put no personal data into either.',
        headers: IdempotencyHeaders,
        querystring: closed({ tenantId: Type.Optional(TenantId) }),
        body: closed({
          source: ServiceName,
          id: Uuid,
          reason: Type.String({ minLength: 1 }),
          legalBasis: Type.String({ minLength: 1 }),
        }),
        response: { 200: answer('It is erased.', redactPayload.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request), request.query.tenantId)
      const content = request.body
      return askOnce(gateway, request, { context, contract: redactPayload, content })
    },
  )
}
