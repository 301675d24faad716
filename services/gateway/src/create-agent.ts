import { registerAgent, type Agent } from '@mumega/contracts/bridge'
import type { RateClass, Scope } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Gateway } from './app.ts'
import { claimRequest } from './claim-request.ts'
import { createToken, type CreatedToken } from './create-token.ts'
import { agentExists } from './errors.ts'
import { getTenant } from './get-tenant.ts'
import { stepId } from './request-id.ts'
import { agentScopes, grantedRateClass, RATE_CLASS_DEFAULT, type Token } from './token.ts'

export interface CreateAgent {
  context: CallContext
  requestId: string
  /** Whether the caller chose the id by an `Idempotency-Key`: another request may have it too. */
  isKeyed: boolean
  /** Of the token of whoever asks. */
  held: Pick<Token, 'scopes' | 'rateClass' | 'depth' | 'expiresAt'>
  name: string
  scopes: Scope[] | undefined
  rateClass: RateClass | undefined
  expiresInDays: number
}

/**
 * Registers an agent at the bridge, then makes its first token. When the second step fails the same
 * request may be made again: the first one is done once per `requestId`.
 *
 * @throws gateway.tenant-not-found, gateway.agent-exists, gateway.token-already-shown,
 * db.request-id-reused, and those of the scopes and the rate class
 */
export async function createAgent(
  gateway: Gateway,
  order: CreateAgent,
): Promise<{ agent: Agent; created: CreatedToken }> {
  const { context, requestId, isKeyed, held, name, expiresInDays } = order
  const scopes = agentScopes(held.scopes, order.scopes)
  const rateClass = grantedRateClass(held.rateClass, 'agent', order.rateClass)
  await getTenant(gateway, context)
  const unusual = rateClass === RATE_CLASS_DEFAULT.agent ? {} : { rateClass }
  const content = { name, scopes, expiresInDays, ...unusual }
  if (isKeyed) await claimRequest(gateway, context, { requestId, command: 'create-agent', content })
  const registration = { requestId: stepId(requestId, 'register-agent'), name }
  const registered = await gateway.bus.request(registerAgent, registration, { context })
  // A repeated request finds its own first reply here, which says `created` again.
  if (!registered.created) throw agentExists(name)
  const created = await createToken(gateway, {
    context,
    requestId: stepId(requestId, 'create-token'),
    kind: 'agent',
    agent: name,
    scopes,
    rateClass,
    expiresInDays,
    maker: held,
  })
  return { agent: registered.agent, created }
}
