import { getAgent } from '@mumega/contracts/bridge'
import type { RateClass, Scope } from '@mumega/contracts/gateway'
import type { Gateway } from './app.ts'
import { createToken, type CreatedToken } from './create-token.ts'
import { invalidField, rootRequired } from './errors.ts'
import { getTenant } from './get-tenant.ts'
import { contextOf, type Session } from './session.ts'
import {
  agentScopes,
  EXPIRY_DAYS_DEFAULT,
  grantedRateClass,
  grantedScopes,
  type TokenKind,
} from './token.ts'

export interface OrderToken {
  session: Session
  requestId: string
  kind: TokenKind
  tenantId?: string
  agent?: string
  scopes?: Scope[]
  rateClass?: RateClass
  expiresInDays?: number
}

/**
 * Makes a token for an agent that exists, or for an operator.
 *
 * @throws gateway.invalid-request where the fields do not fit the kind; gateway.tenant-not-found,
 * bridge.agent-not-found, gateway.scope-not-held, gateway.scope-not-for-agents,
 * gateway.rate-class-not-held, gateway.root-required, gateway.token-already-shown
 */
export async function orderToken(gateway: Gateway, order: OrderToken): Promise<CreatedToken> {
  return order.kind === 'agent' ? forAgent(gateway, order) : forOperator(gateway, order)
}

async function forAgent(gateway: Gateway, order: OrderToken): Promise<CreatedToken> {
  const { session, requestId, tenantId, agent, expiresInDays = EXPIRY_DAYS_DEFAULT } = order
  if (tenantId === undefined) throw invalidField('tenantId', 'is missing for an agent’s token')
  if (agent === undefined) throw invalidField('agent', 'is missing for an agent’s token')
  const scopes = agentScopes(session.token.scopes, order.scopes)
  const rateClass = grantedRateClass(session.token.rateClass, 'agent', order.rateClass)
  const context = contextOf(session, tenantId)
  await getTenant(gateway, context)
  await gateway.bus.request(getAgent, { name: agent }, { context })
  const details = { requestId, kind: 'agent' as const, agent, scopes, rateClass, expiresInDays }
  return createToken(gateway, { context, ...details, maker: session.token })
}

async function forOperator(gateway: Gateway, order: OrderToken): Promise<CreatedToken> {
  const { session, requestId, expiresInDays = EXPIRY_DAYS_DEFAULT } = order
  if (order.tenantId !== undefined)
    throw invalidField('tenantId', 'does not go with an operator’s token')
  if (order.agent !== undefined) throw invalidField('agent', 'does not go with an operator’s token')
  if (order.scopes === undefined) throw invalidField('scopes', 'is missing for an operator’s token')
  if (session.token.depth > 1) throw rootRequired()
  const scopes = grantedScopes(session.token.scopes, order.scopes)
  const rateClass = grantedRateClass(session.token.rateClass, 'operator', order.rateClass)
  const context = contextOf(session)
  const details = { requestId, kind: 'operator' as const, agent: undefined, expiresInDays }
  return createToken(gateway, { context, ...details, scopes, rateClass })
}
