import type { setSendPolicy } from '@mumega/contracts/send-policy'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { sendPolicyChanged } from '../errors.ts'
import { checkTenantOperator } from '../identity.ts'
import { shownPolicy } from './read-send-policy.ts'
import { getSendPolicy, lockSendPolicy, upsertSendPolicy } from './send-policy-repository.ts'

/**
 * Replaces a tenant's send policy, once per `requestId`. A message that is accepted after this
 * returned was judged by the new policy, also when it was on its way before.
 *
 * @throws bridge.operators-only, bridge.send-policy-changed
 */
export async function handleSetSendPolicy(
  { db, clock }: Bridge,
  context: CallContext,
  { requestId, replacesVersion, rules, default: byDefault }: RequestOf<typeof setSendPolicy>,
): Promise<ReplyOf<typeof setSendPolicy>> {
  checkTenantOperator(context)
  const { tenantId } = context
  const content = { replacesVersion, default: byDefault, rules }
  const request = { requestId, command: 'set-send-policy', content }
  return act(db, { context, clock, request }, async (trx) => {
    await lockSendPolicy(trx, tenantId)
    const { version: current } = await getSendPolicy(trx, tenantId)
    if (current !== replacesVersion) throw sendPolicyChanged(replacesVersion, current)
    const policy = { version: current + 1, default: byDefault, rules, setAt: clock.now() }
    await upsertSendPolicy(trx, { tenantId, ...policy })
    return {
      reply: shownPolicy(policy),
      audit: [
        {
          action: 'send-policy.set',
          target: `send-policy:${tenantId}`,
          payload: { version: policy.version, default: byDefault, rules },
        },
      ],
      events: [],
    }
  })
}
