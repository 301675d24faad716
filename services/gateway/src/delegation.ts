import { v7 as uuidv7 } from 'uuid'
import { TOKEN_DEPTH_MAX, type RateClass, type Scope } from '@mumega/contracts/gateway'
import { delegationTooDeep, scopesNotFewer } from './errors.ts'
import {
  EXPIRY_DAYS_DEFAULT,
  expiryOf,
  grantedRateClass,
  grantedScopes,
  type Token,
} from './token.ts'

/** Live descendants of one root: as many as one revocation may have to tell of. */
export const DELEGATED_MAX = 100

export interface Delegation {
  scopes: Scope[]
  rateClass?: RateClass
  expiresInDays?: number
}

/**
 * A new child of `parent`: the same principal with fewer scopes, at most its rate class, and an end
 * no later than its own.
 *
 * @throws gateway.delegation-too-deep, .scope-not-held, .scopes-not-fewer, .rate-class-not-held
 */
export function childOf(parent: Token, asked: Delegation, now: Date): Token {
  if (parent.depth >= TOKEN_DEPTH_MAX) throw delegationTooDeep(TOKEN_DEPTH_MAX)
  const scopes = grantedScopes(parent.scopes, asked.scopes)
  if (parent.scopes.every((scope) => scopes.includes(scope))) throw scopesNotFewer()
  const { expiresInDays = EXPIRY_DAYS_DEFAULT } = asked
  const { rateClass: held, kind } = parent
  const rateClass = grantedRateClass(held, kind, asked.rateClass ?? held)
  const end = expiryOf(now, expiresInDays)
  return {
    tokenId: uuidv7(),
    kind,
    tenantId: parent.tenantId,
    agent: parent.agent,
    scopes,
    rateClass,
    createdAt: now,
    expiresAt: end < parent.expiresAt ? end : parent.expiresAt,
    revokedAt: undefined,
    parentTokenId: parent.tokenId,
    rootTokenId: parent.rootTokenId,
    depth: parent.depth + 1,
  }
}

/** Whether `ancestorId` is the token's parent or its parent's; no token descends from itself. */
export function descendsFrom(token: Token, ancestorId: string): boolean {
  if (token.tokenId === ancestorId) return false
  // At a depth of three at most there is nothing between the parent and the root.
  return token.parentTokenId === ancestorId || token.rootTokenId === ancestorId
}
