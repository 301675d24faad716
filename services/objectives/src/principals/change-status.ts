import {
  principalReinstated,
  principalSuspended,
  REASON_BYTES_MAX,
  type Principal,
  type suspendPrincipal,
} from '@mumega/contracts/principals'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, unchanged } from '@mumega/db/act'
import { principalNotFound } from '../errors.ts'
import { checkOperator } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { checkText } from '../text.ts'
import { findPrincipal, lockPrincipal, updateStatus } from './principal-repository.ts'

const CHANGES = {
  suspended: {
    command: 'suspend-principal',
    action: 'principal.suspended',
    eventOf: (principal: string) => outgoing(principalSuspended, { principal }),
  },
  active: {
    command: 'reinstate-principal',
    action: 'principal.reinstated',
    eventOf: (principal: string) => outgoing(principalReinstated, { principal }),
  },
} as const

interface Call {
  context: CallContext
  request: RequestOf<typeof suspendPrincipal>
}

/**
 * Suspends a principal, or reinstates it with the key that it had: an operator can take away what a
 * key may do, and cannot give it to another. What is so already is left as it is.
 *
 * @throws objectives.operators-only, .principal-not-found, .text-too-large, .invalid-text
 */
export async function handleChangeStatus(
  { db, clock }: Objectives,
  { context, request: { requestId, principalId, reason } }: Call,
  status: Principal['status'],
): Promise<ReplyOf<typeof suspendPrincipal>> {
  checkOperator(context)
  checkText('reason', reason, REASON_BYTES_MAX)
  const { command, action, eventOf } = CHANGES[status]
  const request = { requestId, command, content: { actor: context.actor, principalId, reason } }
  return act(db, { context, clock, request }, async (trx) => {
    const principal = await lockPrincipal(trx, principalId)
    if (principal === undefined) throw principalNotFound(principalId)
    if (principal.status === status) return unchanged(principal)
    await updateStatus(trx, { principalId, status, reason, at: clock.now() })
    const changed = await findPrincipal(trx, principalId)
    if (changed === undefined) throw new Error('a principal is gone that was locked')
    return {
      reply: changed,
      audit: [
        {
          action,
          target: `principal:${principalId}`,
          payload: { reason },
        },
      ],
      events: [eventOf(principalId)],
    }
  })
}
