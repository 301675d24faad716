import type { Knex } from 'knex'
import type { Clock } from '@mumega/config/clock'
import type { CallContext } from '@mumega/contracts/scalars'
import { tokenExpired, tokenRevoked, tokenUnknown } from './errors.ts'
import { lockToken } from './token-repository.ts'

/**
 * Holds the token by which `context` acts until `trx` ends, when it may still be used: a revocation
 * of it either is seen here or waits until the act is committed. Services act without a token.
 *
 * @throws gateway.token-revoked, .token-expired, .token-unknown
 */
export async function checkActingToken(
  trx: Knex.Transaction,
  { tokenId }: CallContext,
  clock: Clock,
): Promise<void> {
  if (tokenId === undefined) return
  const held = await lockToken(trx, tokenId)
  if (held === undefined) throw tokenUnknown()
  if (held.revokedAt !== undefined) throw tokenRevoked(held.revokedAt)
  if (held.expiresAt <= clock.now()) throw tokenExpired(held.expiresAt)
}
