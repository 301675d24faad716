import type { Knex } from 'knex'
import { SUBSTRATE } from '@mumega/contracts/scalars'

export interface Tenant {
  tenantId: string
  name: string
  createdAt: Date
}

interface TenantRow {
  tenant_id: string
  name: string
  created_at: Date
}

/** The operators' own tenant counts as absent: nothing is done to it through the API. */
export async function findTenant(
  trx: Knex.Transaction,
  tenantId: string,
): Promise<Tenant | undefined> {
  if (tenantId === SUBSTRATE) return undefined
  const row = await trx<TenantRow>('tenants').where({ tenant_id: tenantId }).first()
  return row === undefined ? undefined : tenantOf(row)
}

/** Tenants by id, after the tenant `after`. */
export async function listTenants(
  trx: Knex.Transaction,
  page: { limit: number; after: string | undefined },
): Promise<Tenant[]> {
  const query = trx<TenantRow>('tenants').whereNot({ tenant_id: SUBSTRATE })
  if (page.after !== undefined) void query.where('tenant_id', '>', page.after)
  const rows = await query.orderBy('tenant_id').limit(page.limit)
  return rows.map(tenantOf)
}

/** False when the id is taken; nothing is written then. */
export async function insertTenant(trx: Knex.Transaction, tenant: Tenant): Promise<boolean> {
  const rows = await trx('tenants')
    .insert({ tenant_id: tenant.tenantId, name: tenant.name, created_at: tenant.createdAt })
    .onConflict('tenant_id')
    .ignore()
    .returning('tenant_id')
  return rows.length === 1
}

function tenantOf(row: TenantRow): Tenant {
  return { tenantId: row.tenant_id, name: row.name, createdAt: row.created_at }
}
