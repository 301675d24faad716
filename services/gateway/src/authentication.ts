import type { Knex } from '@mumega/db'
import type { Clock } from '@mumega/config/clock'
import {
  cannotAuthenticate,
  tokenExpired,
  tokenMissing,
  tokenRevoked,
  tokenUnknown,
} from './errors.ts'
import type { Session } from './session.ts'
import { findTokenByHash } from './token-repository.ts'
import { hashOf, looksLikeSecret, type Token } from './token.ts'

const BEARER = /^Bearer +([^ ]+) *$/i

/** Where tokens are read and what time it is. */
export interface Authentication {
  db: Knex
  clock: Clock
}

/**
 * Who an `Authorization` header proves the caller to be. The database is asked each time, so that a
 * revocation holds from the next request on, on every process.
 *
 * @throws gateway.token-missing, .token-unknown, .token-expired, .token-revoked,
 * .cannot-authenticate
 */
export async function authenticate(
  authentication: Authentication,
  header: string | undefined,
): Promise<Session> {
  const secret = BEARER.exec(header ?? '')?.[1]
  if (secret === undefined) throw tokenMissing()
  if (!looksLikeSecret(secret)) throw tokenUnknown()
  const tokenHash = hashOf(secret)
  return { tokenHash, token: await readLiveToken(authentication, tokenHash) }
}

/** The token with this hash, when it may be used now. @throws as `authenticate` */
export async function readLiveToken(
  { db, clock }: Authentication,
  tokenHash: Buffer,
): Promise<Token> {
  const token = await findTokenByHash(db, tokenHash).catch((cause: unknown) => {
    throw cannotAuthenticate(cause)
  })
  if (token === undefined) throw tokenUnknown()
  if (token.revokedAt !== undefined) throw tokenRevoked(token.revokedAt)
  if (token.expiresAt <= clock.now()) throw tokenExpired(token.expiresAt)
  return token
}
