import { Type } from 'typebox'
import { Tenant } from '@mumega/contracts/gateway'
import { TenantId } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { App, Gateway } from '../app.ts'
import { createTenant } from '../create-tenant.ts'
import { getTenant } from '../get-tenant.ts'
import { requestIdOf } from '../request-id.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'
import { listTenants, type Tenant as TenantRecord } from '../tenant-repository.ts'

const tags = ['tenants']

export function addTenantRoutes(app: App, gateway: Gateway): void {
  addCreateTenant(app, gateway)

  app.get(
    '/v1/tenants',
    {
      config: { access: 'tenants:read', problems: ['db.unavailable'] },
      schema: {
        tags,
        operationId: 'listTenants',
        summary: 'Tenants, sorted by id',
        querystring: closed({ limit: Limit, after: Type.Optional(TenantId) }),
        response: {
          200: page(
            Type.Object({ tenants: Type.Array(Tenant), next: Type.Optional(TenantId) }),
            'after',
          ),
        },
      },
    },
    async (request) => {
      const { limit = PAGE_DEFAULT, after } = request.query
      const page = { limit: limit + 1, after }
      const found = await readAs(gateway.db, contextOf(sessionOf(request)), (trx) =>
        listTenants(trx, page),
      )
      const tenants = found.slice(0, limit).map(shown)
      const next = found.length > limit ? tenants.at(-1)?.tenantId : undefined
      return { tenants, ...(next === undefined ? {} : { next }) }
    },
  )

  app.get(
    '/v1/tenants/:tenantId',
    {
      config: { access: 'tenants:read', problems: ['gateway.tenant-not-found', 'db.unavailable'] },
      schema: {
        tags,
        operationId: 'getTenant',
        summary: 'One tenant',
        params: closed({ tenantId: TenantId }),
        response: { 200: answer('The tenant.', Tenant) },
      },
    },
    async (request) =>
      shown(await getTenant(gateway, contextOf(sessionOf(request), request.params.tenantId))),
  )
}

function addCreateTenant(app: App, gateway: Gateway): void {
  app.post(
    '/v1/tenants',
    {
      config: {
        access: 'tenants:write',
        problems: [
          'gateway.tenant-exists',
          'gateway.tenant-reserved',
          'gateway.idempotency-key-reused',
          'db.unavailable',
        ],
      },
      schema: {
        tags,
        operationId: 'createTenant',
        summary: 'Create a tenant',
        description:
          'Recorded on the substrate’s audit chain. The id is chosen once and never changes.',
        headers: IdempotencyHeaders,
        body: closed({ tenantId: TenantId, name: Tenant.properties.name }),
        response: { 201: answer('Created.', Tenant) },
      },
    },
    async (request, reply) => {
      const { tenantId, name } = request.body
      const context = contextOf(sessionOf(request))
      const requestId = requestIdOf(request)
      const tenant = await createTenant(gateway, { context, requestId, tenantId, name })
      return reply.code(201).header('Location', `/v1/tenants/${tenantId}`).send(tenant)
    },
  )
}

function shown({ tenantId, name, createdAt }: TenantRecord) {
  return { tenantId, name, createdAt: createdAt.toISOString() }
}
