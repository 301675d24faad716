import type { getAgent, listAgents } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound } from '../errors.ts'
import { findAgent, listAgentsAfter } from './agent-repository.ts'
import { agentNow } from './presence.ts'

/** @throws bridge.agent-not-found */
export async function handleGetAgent(
  { db, clock, presence }: Bridge,
  context: CallContext,
  { name }: RequestOf<typeof getAgent>,
): Promise<ReplyOf<typeof getAgent>> {
  const agent = await readAs(db, context, (trx) =>
    findAgent(trx, { tenantId: context.tenantId, name }),
  )
  if (agent === undefined) throw agentNotFound(name)
  return agentNow(agent, clock.now(), presence)
}

/** `next` is the last name of the page when more follow. */
export async function handleListAgents(
  { db, clock, presence }: Bridge,
  context: CallContext,
  { limit, after = '' }: RequestOf<typeof listAgents>,
): Promise<ReplyOf<typeof listAgents>> {
  const { tenantId } = context
  const found = await readAs(db, context, (trx) =>
    listAgentsAfter(trx, { tenantId, after, limit: limit + 1 }),
  )
  const now = clock.now()
  const agents = found.slice(0, limit).map((agent) => agentNow(agent, now, presence))
  const last = agents.at(-1)
  return { agents, ...(found.length > limit && last !== undefined ? { next: last.name } : {}) }
}
