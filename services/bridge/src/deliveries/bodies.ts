import type { forgetBody, listBodies } from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, readAs, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { findLastPosition } from '../messages/inbox-repository.ts'
import { deleteBody, listBodiesOf, lockBodies } from './body-repository.ts'

/** The caller's own. @throws bridge.sender-not-an-agent, bridge.agent-not-found */
export async function handleListBodies(
  { db }: Bridge,
  context: CallContext,
): Promise<ReplyOf<typeof listBodies>> {
  const key = { tenantId: context.tenantId, agent: callingAgent(context) }
  return readAs(db, context, async (trx) => {
    const bodies = await listBodiesOf(trx, key)
    if (bodies.length === 0 && (await findLastPosition(trx, key)) === undefined) {
      throw agentNotFound(key.agent)
    }
    return {
      bodies: bodies.map((body) => ({
        ...body,
        createdAt: body.createdAt.toISOString(),
        lastReceivedAt: body.lastReceivedAt.toISOString(),
      })),
    }
  })
}

/** @throws bridge.sender-not-an-agent, bridge.agent-not-found */
export async function handleForgetBody(
  { db, clock }: Bridge,
  context: CallContext,
  { body }: RequestOf<typeof forgetBody>,
): Promise<ReplyOf<typeof forgetBody>> {
  const key = { tenantId: context.tenantId, agent: callingAgent(context) }
  return act(db, { context, clock }, async (trx) => {
    if ((await findLastPosition(trx, key)) === undefined) throw agentNotFound(key.agent)
    await lockBodies(trx, key)
    await deleteBody(trx, { ...key, body })
    return unchanged({})
  })
}
