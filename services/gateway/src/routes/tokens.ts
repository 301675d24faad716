import { Type } from 'typebox'
import { getAgent } from '@mumega/contracts/bridge'
import { RateClass, Scope, Token, TokenKind, SCOPES_MAX } from '@mumega/contracts/gateway'
import { AgentName, TenantId, Timestamp, Uuid } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { App, Gateway } from '../app.ts'
import { getTenant } from '../get-tenant.ts'
import { orderToken } from '../order-token.ts'
import { requestIdOf } from '../request-id.ts'
import { revokeToken } from '../revoke-token.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'
import { listTokens } from '../token-repository.ts'
import {
  ExpiresInDays,
  NEW_TOKEN_PROBLEMS,
  NewToken,
  shownNewToken,
  shownToken,
} from '../token-schemas.ts'

const tags = ['tokens']

export function addTokenRoutes(app: App, gateway: Gateway): void {
  addCreateToken(app, gateway)
  addListTokens(app, gateway)

  app.delete(
    '/v1/tokens/:tokenId',
    {
      config: { access: 'any-token', problems: ['gateway.token-not-found', 'db.unavailable'] },
      schema: {
        tags,
        operationId: 'revokeToken',
        summary: 'Revoke a token and all that were delegated from it, at once and for ever',
        description:
          'Holds from the next request on, everywhere; open event streams end. Without the scope ' +
          '`tokens:write` a token revokes only what was delegated from it.',
        params: closed({ tokenId: Uuid }),
        response: {
          200: answer(
            'Revoked, now or before.',
            Type.Object({ tokenId: Uuid, revokedAt: Timestamp }),
          ),
        },
      },
    },
    async (request) => {
      const { tokenId } = request.params
      const { revokedAt, ended } = await revokeToken(gateway, sessionOf(request), tokenId)
      // The others hear of it by the events; this process need not wait for that.
      for (const each of ended) gateway.hub.doubtToken(each)
      return { tokenId, revokedAt }
    },
  )
}

function addCreateToken(app: App, gateway: Gateway): void {
  app.post(
    '/v1/tokens',
    {
      config: {
        access: 'tokens:write',
        calls: [getAgent],
        problems: [...NEW_TOKEN_PROBLEMS, 'gateway.tenant-not-found', 'gateway.root-required'],
      },
      schema: {
        tags,
        operationId: 'createToken',
        summary: 'Make another token for an agent, or one for an operator',
        description:
          'An agent’s token names `tenantId` and `agent`; an operator’s names neither, and its ' +
          '`scopes`. Nobody can grant a scope they do not hold. `rateClass` is `standard` for an ' +
          'agent and `elevated` for an operator, unless named; it is never above the maker’s.',
        headers: IdempotencyHeaders,
        body: closed({
          kind: TokenKind,
          tenantId: Type.Optional(TenantId),
          agent: Type.Optional(AgentName),
          scopes: Type.Optional(Type.Array(Scope, { minItems: 1, maxItems: SCOPES_MAX })),
          rateClass: Type.Optional(RateClass),
          expiresInDays: ExpiresInDays,
        }),
        response: { 201: answer('Made. The secret is in this reply and nowhere else.', NewToken) },
      },
    },
    async (request, reply) => {
      const created = await orderToken(gateway, {
        session: sessionOf(request),
        requestId: requestIdOf(request),
        ...request.body,
      })
      return reply.code(201).send(shownNewToken(created))
    },
  )
}

function addListTokens(app: App, gateway: Gateway): void {
  app.get(
    '/v1/tokens',
    {
      config: { access: 'tokens:read', problems: ['gateway.tenant-not-found', 'db.unavailable'] },
      schema: {
        tags,
        operationId: 'listTokens',
        summary: 'The tokens of a tenant, newest first',
        description:
          'Without `tenantId`: the operators’ own. Secrets are not stored, and not shown.',
        querystring: closed({
          tenantId: Type.Optional(TenantId),
          limit: Limit,
          after: Type.Optional(Uuid),
        }),
        response: {
          200: page(Type.Object({ tokens: Type.Array(Token), next: Type.Optional(Uuid) }), 'after'),
        },
      },
    },
    async (request) => {
      const { tenantId, limit = PAGE_DEFAULT, after } = request.query
      const context = contextOf(sessionOf(request), tenantId)
      if (tenantId !== undefined) await getTenant(gateway, context)
      const page = { tenantId: context.tenantId, limit: limit + 1, after }
      const found = await readAs(gateway.db, context, (trx) => listTokens(trx, page))
      const tokens = found.slice(0, limit).map(shownToken)
      const next = found.length > limit ? tokens.at(-1)?.tokenId : undefined
      return { tokens, ...(next === undefined ? {} : { next }) }
    },
  )
}
