import { agentRegistered, type registerAgent } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { insertAgent } from './agent-repository.ts'
import { handleGetAgent } from './read-agents.ts'

/** Gives an agent an inbox, once. A name that is registered already is answered, not changed. */
export async function handleRegisterAgent(
  bridge: Bridge,
  context: CallContext,
  { requestId, name }: RequestOf<typeof registerAgent>,
): Promise<ReplyOf<typeof registerAgent>> {
  const { db, clock } = bridge
  const { tenantId } = context
  const request = { requestId, command: 'register-agent', content: { name } }
  const { created } = await act(db, { context, clock, request }, async (trx) => {
    if (!(await insertAgent(trx, { tenantId, name, registeredAt: clock.now() }))) {
      return unchanged({ created: false })
    }
    return {
      reply: { created: true },
      audit: [{ action: 'agent.registered', target: `agent:${name}`, payload: { name } }],
      events: [outgoing(agentRegistered, { tenantId, name })],
    }
  })
  // As it is now, also where the request was made before.
  return { agent: await handleGetAgent(bridge, context, { name }), created }
}
