import { act, outgoing } from '@mumega/db/act'
import { tenantCreated } from '@mumega/contracts/gateway'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import { RESERVED_TENANTS } from '@mumega/contracts/topology'
import { checkActingToken } from './acting-token.ts'
import type { Authentication } from './authentication.ts'
import { invalidField, tenantExists, tenantReserved } from './errors.ts'
import { isTenantName } from './tenant-name.ts'
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
 * @throws gateway.invalid-request, gateway.tenant-reserved, gateway.tenant-exists, and as
 * `checkActingToken`
 */
export async function createTenant(
  { db, clock }: Authentication,
  { context, requestId, tenantId, name }: CreateTenant,
): Promise<{ tenantId: string; name: string; createdAt: string }> {
  if (RESERVED_TENANTS.includes(tenantId)) throw tenantReserved(tenantId)
  if (!isTenantName(name)) {
    throw invalidField('name', 'must be 1–200 characters of Unicode, none of them U+0000')
  }
  const request = { requestId, command: 'create-tenant', content: { tenantId, name } }
  return act(db, { context, clock, request }, async (trx) => {
    await checkActingToken(trx, context, clock)
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
