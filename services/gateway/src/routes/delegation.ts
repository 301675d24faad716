import { Type } from 'typebox'
import { RateClass, Scope, SCOPES_MAX } from '@mumega/contracts/gateway'
import type { App, Gateway } from '../app.ts'
import { delegateToken } from '../delegate-token.ts'
import { requestIdOf } from '../request-id.ts'
import { answer, closed, IdempotencyHeaders } from '../schemas.ts'
import { sessionOf } from '../session.ts'
import { ExpiresInDays, NewToken, shownNewToken } from '../token-schemas.ts'

export function addDelegationRoute(app: App, gateway: Gateway): void {
  app.post(
    '/v1/tokens/delegate',
    {
      config: {
        access: 'any-token',
        problems: [
          'gateway.scope-not-held',
          'gateway.scopes-not-fewer',
          'gateway.rate-class-not-held',
          'gateway.delegation-too-deep',
          'gateway.too-many-delegated',
          'gateway.token-already-shown',
          'gateway.idempotency-key-reused',
          'db.unavailable',
        ],
      },
      schema: {
        tags: ['tokens'],
        operationId: 'delegateToken',
        summary: 'Make a lesser token of the one in use, for the same agent or operator',
        description:
          'With fewer scopes, at most the same rate class, and an end no later than that of the ' +
          'token in use; it shares that one’s requests a minute, and ends at once when that one ' +
          'is revoked. A delegated token may delegate, and one made of it may not.',
        headers: IdempotencyHeaders,
        body: closed({
          scopes: Type.Array(Scope, { minItems: 1, maxItems: SCOPES_MAX }),
          rateClass: Type.Optional(RateClass),
          expiresInDays: ExpiresInDays,
        }),
        response: { 201: answer('Made. The secret is in this reply and nowhere else.', NewToken) },
      },
    },
    async (request, reply) => {
      const created = await delegateToken(gateway, {
        session: sessionOf(request),
        requestId: requestIdOf(request),
        delegation: request.body,
      })
      return reply.code(201).send(shownNewToken(created))
    },
  )
}
