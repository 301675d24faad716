import type { getSendPolicy } from '@mumega/contracts/send-policy'
import type { ReplyOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { checkTenantOperator } from '../identity.ts'
import * as policies from './send-policy-repository.ts'

/** A tenant's send policy, of version 0 where none was set. @throws bridge.operators-only */
export async function handleGetSendPolicy(
  { db }: Bridge,
  context: CallContext,
): Promise<ReplyOf<typeof getSendPolicy>> {
  checkTenantOperator(context)
  return shownPolicy(
    await readAs(db, context, (trx) => policies.getSendPolicy(trx, context.tenantId)),
  )
}

export function shownPolicy({
  setAt,
  ...policy
}: policies.StoredPolicy): ReplyOf<typeof getSendPolicy> {
  return { ...policy, ...(setAt === undefined ? {} : { setAt: setAt.toISOString() }) }
}
