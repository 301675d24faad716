import type { FastifyRequest } from 'fastify'
import type { ReplyOf, RequestContract, RequestOf } from '@mumega/contracts/define'
import type { Circle } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'
import { LONE_SURROGATE } from '@mumega/contracts/text'
import type { Gateway } from './app.ts'
import { claimRequest } from './claim-request.ts'
import { isKeyed, requestIdOf, type RequestIdentity } from './request-id.ts'

interface Order<Contract extends RequestContract> {
  readonly context: CallContext
  readonly contract: Contract
  /** All of it but its id, and what the token proves. */
  readonly content: Omit<RequestOf<Contract>, 'requestId' | 'circles'>
  /** What the token proves: a renewed one may prove other things, and the request is the same. */
  readonly proven?: { readonly circles: readonly Circle[] }
}

/**
 * Has a service change something, once for each `Idempotency-Key` of the caller: a key that was
 * used for another command, the contract's name, or for other content is refused first.
 *
 * @throws db.request-id-reused, and what the contract's errors are
 */
export async function askOnce<Contract extends RequestContract>(
  gateway: Gateway,
  request: FastifyRequest,
  order: Order<Contract>,
): Promise<ReplyOf<Contract>> {
  const identity = { requestId: requestIdOf(request), isKeyed: isKeyed(request) }
  return askOnceAs(gateway, identity, order)
}

/** As `askOnce`, for a key that came another way: it is the same request whichever way. */
export async function askOnceAs<Contract extends RequestContract>(
  gateway: Gateway,
  { requestId, isKeyed: isClaimed }: RequestIdentity,
  { context, contract, content, proven }: Order<Contract>,
): Promise<ReplyOf<Contract>> {
  const command = contract.subject.slice(contract.subject.lastIndexOf('.') + 1)
  // What cannot be stored unchanged is refused by the service, which names the field.
  if (isClaimed && isUnicode(content))
    await claimRequest(gateway, context, { requestId, command, content })
  const whole = { requestId, ...content, ...proven } as RequestOf<Contract>
  return gateway.bus.request(contract, whole, { context })
}

/** Whether no text in it, and no name, holds half a character. */
function isUnicode(content: unknown): boolean {
  let isWhole = true
  JSON.stringify(content, (name, value: unknown) => {
    if (LONE_SURROGATE.test(name)) isWhole = false
    if (typeof value === 'string' && LONE_SURROGATE.test(value)) isWhole = false
    return value
  })
  return isWhole
}
