import { heartbeatRecorded, NOTE_BYTES_MAX, type recordHeartbeat } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound } from '../errors.ts'
import { boundAgent } from '../identity.ts'
import { checkText } from '../text.ts'
import { findNames, upsertPresence } from './agent-repository.ts'

/**
 * Records that the calling agent is alive (LOCK-MON-1: `boundAgent` refuses any other). It is no
 * act, so it leaves no audit entry; presence and event commit together. Safe to call twice.
 *
 * @throws bridge.identity-binding-mismatch, bridge.sender-not-an-agent, bridge.agent-not-found,
 * bridge.text-too-large, bridge.invalid-text
 */
export async function handleRecordHeartbeat(
  { db, clock }: Bridge,
  context: CallContext,
  { agent: claimed, status, note }: RequestOf<typeof recordHeartbeat>,
): Promise<ReplyOf<typeof recordHeartbeat>> {
  const name = boundAgent(context, claimed)
  const { tenantId } = context
  if (note !== undefined) checkText({ field: 'note', value: note, limitBytes: NOTE_BYTES_MAX })
  return act(db, { context, clock }, async (trx) => {
    const known = await findNames(trx, { tenantId, names: [name] })
    if (!known.has(name)) throw agentNotFound(name)
    const lastSeenAt = clock.now()
    await upsertPresence(trx, { tenantId, name, status, note, lastSeenAt })
    const at = lastSeenAt.toISOString()
    const heartbeat = {
      tenantId,
      principal: `agent:${name}`,
      status,
      ...(note === undefined ? {} : { note }),
      at,
    }
    return {
      reply: { agent: name, lastSeenAt: at },
      audit: [],
      events: [outgoing(heartbeatRecorded, heartbeat)],
    }
  })
}
