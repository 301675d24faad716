import { Type, type Static } from 'typebox'
import { RateClass, Scope, Token } from '@mumega/contracts/gateway'
import { Timestamp, Uuid } from '@mumega/contracts/scalars'
import type { CreatedToken } from './create-token.ts'
import { EXPIRY_DAYS_DEFAULT, EXPIRY_DAYS_MAX, type Token as TokenRecord } from './token.ts'

export const ExpiresInDays = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: EXPIRY_DAYS_MAX,
    description: `Default ${EXPIRY_DAYS_DEFAULT}.`,
  }),
)

/** A token in the one reply that shows its secret. */
export const NewToken = Type.Object({
  tokenId: Uuid,
  secret: Type.String({ description: 'Shown once. Sent as `Authorization: Bearer <secret>`.' }),
  scopes: Type.Array(Scope),
  rateClass: RateClass,
  parentTokenId: Token.properties.parentTokenId,
  depth: Token.properties.depth,
  expiresAt: Timestamp,
})

/** What may be wrong with a request that makes a token. */
export const NEW_TOKEN_PROBLEMS: readonly string[] = [
  'gateway.scope-not-held',
  'gateway.scope-not-for-agents',
  'gateway.rate-class-not-held',
  'gateway.token-already-shown',
  'gateway.idempotency-key-reused',
  'db.unavailable',
]

export function shownNewToken({ token, secret }: CreatedToken) {
  const { tokenId, scopes, rateClass, depth, expiresAt } = token
  const shown = { tokenId, secret, scopes, rateClass, ...parentOf(token), depth }
  return { ...shown, expiresAt: expiresAt.toISOString() }
}

export function shownToken(token: TokenRecord): Static<typeof Token> {
  return {
    tokenId: token.tokenId,
    kind: token.kind,
    tenantId: token.tenantId,
    ...(token.agent === undefined ? {} : { agent: token.agent }),
    scopes: token.scopes,
    rateClass: token.rateClass,
    ...parentOf(token),
    depth: token.depth,
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt.toISOString(),
    ...(token.revokedAt === undefined ? {} : { revokedAt: token.revokedAt.toISOString() }),
  }
}

function parentOf({ parentTokenId }: TokenRecord): { parentTokenId?: string } {
  return parentTokenId === undefined ? {} : { parentTokenId }
}
