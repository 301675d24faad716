import { act, outgoing, readAs, unchanged } from '@mumega/db/act'
import { tokenRevoked } from '@mumega/contracts/gateway'
import { checkActingToken } from './acting-token.ts'
import type { Authentication } from './authentication.ts'
import { descendsFrom } from './delegation.ts'
import { tokenNotFound } from './errors.ts'
import { contextOf, type Session } from './session.ts'
import {
  findToken,
  findTokenForUpdate,
  listLiveDescendants,
  lockRevocations,
  updateRevokedAt,
} from './token-repository.ts'
import type { Token } from './token.ts'

export interface Revocation {
  revokedAt: string
  /** The token and its descendants that ended now; none of them when it had ended before. */
  ended: string[]
}

/**
 * Ends a token and all its descendants for ever, for every request from now on. A second time
 * changes nothing and answers the first time's `revokedAt`. The act is recorded on the chain of the
 * token's tenant, with one entry and one event for each token that ends. A token without the scope
 * tokens:write ends its own descendants; any other is as absent to it as one that never was.
 *
 * @throws gateway.token-not-found, and as `checkActingToken`
 */
export async function revokeToken(
  { db, clock }: Authentication,
  session: Session,
  tokenId: string,
): Promise<Revocation> {
  const context = contextOf(session)
  const known = await readAs(db, context, (trx) => findToken(trx, tokenId))
  if (known === undefined || !mayRevoke(session.token, known)) throw tokenNotFound(tokenId)
  const tenantContext = { ...context, tenantId: known.tenantId }
  return act(db, { context: tenantContext, clock }, async (trx) => {
    await lockRevocations(trx)
    await checkActingToken(trx, context, clock)
    const token = await findTokenForUpdate(trx, tokenId)
    if (token === undefined) throw tokenNotFound(tokenId)
    if (token.revokedAt !== undefined) {
      return unchanged({ revokedAt: token.revokedAt.toISOString(), ended: [] })
    }
    const revokedAt = clock.now()
    // With the row locked no more can be made of it, or of what was made of it.
    const descendants = await listLiveDescendants(trx, tokenId, revokedAt)
    const ended = [token, ...descendants]
    const tokenIds = ended.map((each) => each.tokenId)
    // Descendants have ended with it, marked or not: the mark says that they no longer count.
    await updateRevokedAt(trx, { tokenIds, revokedAt })
    return {
      reply: { revokedAt: revokedAt.toISOString(), ended: tokenIds },
      audit: ended.map((each) => recordOf(each, tokenId)),
      events: ended.map((each) =>
        outgoing(tokenRevoked, { tokenId: each.tokenId, tenantId: each.tenantId }),
      ),
    }
  })
}

function mayRevoke(acting: Token, token: Token): boolean {
  return acting.scopes.includes('tokens:write') || descendsFrom(token, acting.tokenId)
}

/** What the ledger is told of a token that ends by the revocation of `revokedId`. */
function recordOf({ tokenId, kind, tenantId }: Token, revokedId: string) {
  const cause = tokenId === revokedId ? {} : { revokedWith: revokedId }
  return {
    action: 'token.revoked',
    target: `token:${tokenId}`,
    payload: { tokenId, kind, tenantId, ...cause },
  }
}
