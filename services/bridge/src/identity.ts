import { Value } from 'typebox/value'
import { AgentName, SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import { identityBindingMismatch, operatorsOnly, senderNotAnAgent } from './errors.ts'

const PREFIX = 'agent:'

/** The agent that the authenticated caller is. @throws bridge.sender-not-an-agent */
export function callingAgent({ actor }: CallContext): string {
  const name = actor.id.slice(PREFIX.length)
  const isAgent = actor.kind === 'agent' && actor.id.startsWith(PREFIX)
  if (!isAgent || !Value.Check(AgentName, name)) throw senderNotAnAgent()
  return name
}

/**
 * LOCK-MON-1: the agent whose heartbeat is written is the authenticated one, whatever the request
 * claims.
 *
 * @throws bridge.sender-not-an-agent, bridge.identity-binding-mismatch
 */
export function boundAgent(context: CallContext, claimed: string | undefined): string {
  const agent = callingAgent(context)
  if (claimed !== undefined && claimed !== agent) throw identityBindingMismatch(claimed)
  return agent
}

/** Dead letters may hold any tenant's data. @throws bridge.operators-only */
export function checkOperator({ tenantId, actor }: CallContext): void {
  if (tenantId !== SUBSTRATE || actor.kind === 'agent') throw operatorsOnly()
}

/** An operator, acting on a tenant. @throws bridge.operators-only */
export function checkTenantOperator({ actor }: CallContext): void {
  if (actor.kind === 'agent') throw operatorsOnly()
}

/** As whom the bridge acts on its own account. */
export const BRIDGE_CONTEXT: CallContext = {
  tenantId: SUBSTRATE,
  actor: { id: 'service:bridge', kind: 'service' },
}
