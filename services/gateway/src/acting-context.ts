import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { FastifyRequest } from 'fastify'
import type { Gateway } from './app.ts'
import { getTenant } from './get-tenant.ts'
import { contextOf, sessionOf } from './session.ts'

/**
 * For whom the call is, in what the system has as a tenant has it: an operator’s own is the
 * substrate’s.
 *
 * @throws gateway.tenant-not-found
 */
export async function actingContext(
  gateway: Gateway,
  request: FastifyRequest,
  tenantId: string | undefined,
): Promise<CallContext> {
  const context = contextOf(sessionOf(request), tenantId)
  if (context.tenantId !== SUBSTRATE) await getTenant(gateway, context)
  return context
}
