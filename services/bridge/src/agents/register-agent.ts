import { agentRegistered, type registerAgent } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { findAgent, insertAgent } from './agent-repository.ts'

/** Gives an agent an inbox, once. A name that is registered already is answered, not changed. */
export async function handleRegisterAgent(
  { db, clock }: Bridge,
  context: CallContext,
  { requestId, name }: RequestOf<typeof registerAgent>,
): Promise<ReplyOf<typeof registerAgent>> {
  const { tenantId } = context
  const request = { requestId, command: 'register-agent', content: { name } }
  return act<ReplyOf<typeof registerAgent>>(db, { context, clock, request }, async (trx) => {
    const created = await insertAgent(trx, { tenantId, name, registeredAt: clock.now() })
    const agent = await findAgent(trx, { tenantId, name })
    if (agent === undefined) throw new Error(`agent ${name} was neither inserted nor found`)
    if (!created) return unchanged({ agent, created })
    return {
      reply: { agent, created },
      audit: [{ action: 'agent.registered', target: `agent:${name}`, payload: { name } }],
      events: [outgoing(agentRegistered, { tenantId, name })],
    }
  })
}
