import { act, outgoing } from '@mumega/db/act'
import { tenantCreated } from '@mumega/contracts/gateway'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import { RESERVED_TENANTS } from '@mumega/contracts/topology'
import type { Authentication } from './authentication.ts'
import { tenantExists, tenantReserved } from './errors.ts'
import { insertTenant } from './tenant-repository.ts'

export interface CreateTenant {
  context: CallContext
  requestId: string
  tenantId: string
  name: string
}

/**
 * Creates a tenant, once per `requestId`, audited on the substrate's chain: the tenant's own begins
 * with what is done in it.
 *
 * @throws gateway.tenant-reserved, gateway.tenant-exists
 */
export async function createTenant(
  { db, clock }: Authentication,
  { context, requestId, tenantId, name }: CreateTenant,
): Promise<{ tenantId: string; name: string; createdAt: string }> {
  if (RESERVED_TENANTS.includes(tenantId)) throw tenantReserved(tenantId)
  const request = { requestId, command: 'create-tenant', content: { tenantId, name } }
  return act(db, { context, clock, request }, async (trx) => {
    const tenant = { tenantId, name, createdAt: clock.now() }
    if (!(await insertTenant(trx, tenant))) throw tenantExists(tenantId)
    return {
      reply: { tenantId, name, createdAt: tenant.createdAt.toISOString() },
      audit: [
        {
          action: 'tenant.created',
          target: `tenant:${tenantId}`,
          payload: { tenantId, name },
          chain: SUBSTRATE,
        },
      ],
      events: [outgoing(tenantCreated, { tenantId })],
    }
  })
}
