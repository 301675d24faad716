import { Type, type Static } from 'typebox'
import { auditFilters, findNoTime, type AuditFilters } from '@mumega/contracts/audit-search'
import { SUBSTRATE, TenantId, Timestamp, type CallContext } from '@mumega/contracts/scalars'
import type { Authentication } from './authentication.ts'
import { invalidField } from './errors.ts'
import { getTenant } from './get-tenant.ts'
import { contextOf, type Session } from './session.ts'

const { chain: _chain, from: _from, until: _until, ...others } = auditFilters
const UTC = 'UTC with milliseconds, for instance 2026-11-21T08:00:00.000Z. '

function timeOf(description: string) {
  return Type.Optional({ ...Timestamp, description: UTC + description })
}

/** By what entries are searched and exported, as query parameters. */
export const auditQuery = {
  tenantId: Type.Optional(TenantId),
  ...others,
  from: timeOf('When the source committed the fact: then or later.'),
  until: timeOf('Before this time.'),
}

type AuditQuery = Omit<AuditFilters, 'chain'> & { tenantId?: Static<typeof TenantId> }

/**
 * As `contextOf`, for what would find nothing in a tenant that is not there, and say nothing of it.
 *
 * @throws gateway.tenant-not-found
 */
export async function auditContextOf(
  authentication: Authentication,
  session: Session,
  tenantId: string | undefined,
): Promise<CallContext> {
  const context = contextOf(session, tenantId)
  const isNamed = tenantId !== undefined && tenantId !== SUBSTRATE
  if (isNamed) await getTenant(authentication, context)
  return context
}

/**
 * The filters of a query. Without a tenant an operator asks for every chain.
 *
 * @throws gateway.invalid-request naming the time that there is not
 */
export function filtersOf(query: AuditQuery): AuditFilters {
  const { tenantId, actor, action, target, phase, trace } = query
  const field = findNoTime(query)
  if (field !== undefined) throw invalidField(field, 'is no date of the calendar')
  if (query.from !== undefined && query.until !== undefined && query.until <= query.from) {
    throw invalidField('until', 'must be later than from')
  }
  const filters = { chain: tenantId, actor, action, target, phase, trace }
  const { from: begin, until: end } = query
  return Object.fromEntries(
    Object.entries({ ...filters, from: begin, until: end }).filter(
      ([, value]) => value !== undefined,
    ),
  )
}
