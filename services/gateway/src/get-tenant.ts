import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { Authentication } from './authentication.ts'
import { tenantNotFound } from './errors.ts'
import { findTenant, type Tenant } from './tenant-repository.ts'

/** The tenant that `context` acts on. @throws gateway.tenant-not-found */
export async function getTenant({ db }: Authentication, context: CallContext): Promise<Tenant> {
  const { tenantId } = context
  const tenant = await readAs(db, context, (trx) => findTenant(trx, tenantId))
  if (tenant === undefined) throw tenantNotFound(tenantId)
  return tenant
}
