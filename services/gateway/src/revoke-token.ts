import { act, outgoing, readAs, unchanged } from '@mumega/db/act'
import { tokenRevoked } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'
import { checkActingToken } from './acting-token.ts'
import type { Authentication } from './authentication.ts'
import { tokenNotFound } from './errors.ts'
import {
  findToken,
  findTokenForUpdate,
  lockRevocations,
  updateRevokedAt,
} from './token-repository.ts'

/**
 * Ends a token for ever, for every request from now on. A second time changes nothing and answers
 * the first time's `revokedAt`. `context` is the operator's; the act is recorded on the chain of
 * the token's tenant.
 *
 * @throws gateway.token-not-found, and as `checkActingToken`
 */
export async function revokeToken(
  { db, clock }: Authentication,
  context: CallContext,
  tokenId: string,
): Promise<{ tokenId: string; revokedAt: string }> {
  const known = await readAs(db, context, (trx) => findToken(trx, tokenId))
  if (known === undefined) throw tokenNotFound(tokenId)
  const tenantContext = { ...context, tenantId: known.tenantId }
  return act(db, { context: tenantContext, clock }, async (trx) => {
    await lockRevocations(trx)
    await checkActingToken(trx, context, clock)
    const token = await findTokenForUpdate(trx, tokenId)
    if (token === undefined) throw tokenNotFound(tokenId)
    if (token.revokedAt !== undefined) {
      return unchanged({ tokenId, revokedAt: token.revokedAt.toISOString() })
    }
    const revokedAt = clock.now()
    await updateRevokedAt(trx, { tokenId, revokedAt })
    return {
      reply: { tokenId, revokedAt: revokedAt.toISOString() },
      audit: [
        {
          action: 'token.revoked',
          target: `token:${tokenId}`,
          payload: { tokenId, kind: token.kind, tenantId: token.tenantId },
        },
      ],
      events: [outgoing(tokenRevoked, { tokenId, tenantId: token.tenantId })],
    }
  })
}
