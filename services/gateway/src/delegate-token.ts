import { act, outgoing } from '@mumega/db/act'
import { tokenCreated } from '@mumega/contracts/gateway'
import { checkActingToken } from './acting-token.ts'
import type { Authentication } from './authentication.ts'
import { recordOf, type CreatedToken } from './create-token.ts'
import { childOf, DELEGATED_MAX, type Delegation } from './delegation.ts'
import { tokenAlreadyShown, tooManyDelegated } from './errors.ts'
import { contextOf, type Session } from './session.ts'
import { insertToken, listLiveDescendants, lockTree } from './token-repository.ts'
import { hashOf, newSecret } from './token.ts'

export interface DelegateToken {
  session: Session
  requestId: string
  delegation: Delegation
}

/**
 * Makes a child of the session's token, once per `requestId`: a lesser token of the same principal,
 * which ends with its parent. As with `createToken`, a repeated request cannot get the secret
 * again.
 *
 * @throws as `childOf` and `checkActingToken`, gateway.too-many-delegated, .token-already-shown
 */
export async function delegateToken(
  { db, clock }: Authentication,
  { session, requestId, delegation }: DelegateToken,
): Promise<CreatedToken> {
  const parent = session.token
  const context = contextOf(session)
  const child = childOf(parent, delegation, clock.now())
  const secret = newSecret(child.kind)
  const { tokenId, tenantId, kind, rootTokenId } = child
  // The parent, too: the agent's other tokens have the same request ids.
  const content = { parentTokenId: parent.tokenId, ...delegation }
  const request = { requestId, command: 'delegate-token', content }
  const made = await act(db, { context, clock, request }, async (trx) => {
    await checkActingToken(trx, context, clock)
    await lockTree(trx, rootTokenId)
    const live = await listLiveDescendants(trx, rootTokenId, clock.now())
    if (live.length >= DELEGATED_MAX) throw tooManyDelegated(DELEGATED_MAX)
    await insertToken(trx, child, hashOf(secret))
    return {
      reply: { tokenId },
      audit: [recordOf('token.delegated', child)],
      events: [outgoing(tokenCreated, { tokenId, tenantId, kind })],
    }
  })
  if (made.tokenId !== tokenId) throw tokenAlreadyShown(made.tokenId)
  return { token: child, secret }
}
