import { Type } from 'typebox'
import { Agent, listAgents, registerAgent } from '@mumega/contracts/bridge'
import { RateClass, Scope, SCOPES_MAX } from '@mumega/contracts/gateway'
import { AgentName, TenantId } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { baseUrlOf, Connection, connectionOf } from '../connect-agent.ts'
import { createAgent } from '../create-agent.ts'
import { getTenant } from '../get-tenant.ts'
import { isKeyed, requestIdOf } from '../request-id.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'
import { contextOf, sessionOf, tenantContextOf } from '../session.ts'
import { EXPIRY_DAYS_DEFAULT } from '../token.ts'
import { ExpiresInDays, NEW_TOKEN_PROBLEMS, NewToken, shownNewToken } from '../token-schemas.ts'

const tags = ['agents']
const Page = Type.Object({ agents: Type.Array(Agent), next: Type.Optional(AgentName) })
const pageQuery = { limit: Limit, after: Type.Optional(AgentName) }

export function addAgentRoutes(app: App, gateway: Gateway): void {
  addCreateAgent(app, gateway)

  app.get(
    '/v1/tenants/:tenantId/agents',
    {
      config: {
        access: 'agents:read',
        calls: [listAgents],
        problems: ['gateway.tenant-not-found'],
      },
      schema: {
        tags,
        operationId: 'listAgents',
        summary: 'The agents of a tenant, sorted by name',
        params: closed({ tenantId: TenantId }),
        querystring: closed(pageQuery),
        response: { 200: page(Page, 'after') },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request), request.params.tenantId)
      await getTenant(gateway, context)
      return gateway.bus.request(listAgents, pageOf(request.query), { context })
    },
  )

  app.get(
    '/v1/peers',
    {
      config: {
        access: 'agents:read',
        calls: [listAgents],
        problems: ['gateway.tenant-not-found'],
      },
      schema: {
        tags,
        operationId: 'listPeers',
        summary: 'The agents of the caller’s own tenant, and when each was last seen',
        description: 'An operator names the tenant.',
        querystring: closed({ ...pageQuery, tenantId: Type.Optional(TenantId) }),
        response: { 200: page(Page, 'after') },
      },
    },
    async (request) => {
      const context = tenantContextOf(sessionOf(request), request.query.tenantId)
      await getTenant(gateway, context)
      return gateway.bus.request(listAgents, pageOf(request.query), { context })
    },
  )
}

function addCreateAgent(app: App, gateway: Gateway): void {
  app.post(
    '/v1/tenants/:tenantId/agents',
    {
      config: {
        access: 'agents:write',
        calls: [registerAgent],
        problems: [...NEW_TOKEN_PROBLEMS, 'gateway.tenant-not-found', 'gateway.agent-exists'],
      },
      schema: {
        tags,
        operationId: 'createAgent',
        summary: 'Create an agent with its inbox and its first token',
        description:
          'The secret is in this reply and nowhere else. `connection` has it in what the agent’s ' +
          'client needs: an MCP server for Claude Code and for Codex, and a curl that proves it.',
        headers: IdempotencyHeaders,
        params: closed({ tenantId: TenantId }),
        body: closed({
          name: AgentName,
          scopes: Type.Optional(Type.Array(Scope, { minItems: 1, maxItems: SCOPES_MAX })),
          rateClass: Type.Optional(RateClass),
          expiresInDays: ExpiresInDays,
        }),
        response: {
          201: answer(
            'Created.',
            Type.Object({ agent: Agent, token: NewToken, connection: Connection }),
          ),
        },
      },
    },
    async (request, reply) => {
      const { token } = sessionOf(request)
      const baseUrl = baseUrlOf(request)
      const { agent, created } = await createAgent(gateway, {
        context: contextOf(sessionOf(request), request.params.tenantId),
        requestId: requestIdOf(request),
        isKeyed: isKeyed(request),
        held: token,
        name: request.body.name,
        scopes: request.body.scopes,
        rateClass: request.body.rateClass,
        expiresInDays: request.body.expiresInDays ?? EXPIRY_DAYS_DEFAULT,
      })
      const { scopes } = created.token
      const connection = connectionOf(baseUrl, { ...agent, secret: created.secret, scopes })
      return reply.code(201).send({ agent, token: shownNewToken(created), connection })
    },
  )
}

function pageOf({ limit = PAGE_DEFAULT, after }: { limit?: number; after?: string }) {
  return { limit, ...(after === undefined ? {} : { after }) }
}
