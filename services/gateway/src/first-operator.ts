import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '@mumega/config/clock'
import { NAMED_SCOPES, tokenCreated } from '@mumega/contracts/gateway'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged } from '@mumega/db/act'
import { recordOf } from './create-token.ts'
import { hasLiveOperator, insertToken } from './token-repository.ts'
import { EXPIRY_DAYS_MAX, expiryOf, hashOf, newSecret, rootToken } from './token.ts'

export type FirstOperator = { created: true; token: string; tokenId: string } | { created: false }

/**
 * Makes an operator's token with every scope when none can be used: on the first run, or after the
 * last one was revoked or has expired. Two processes at once make one.
 */
export async function createFirstOperator(db: Knex, clock: Clock): Promise<FirstOperator> {
  const context = {
    tenantId: SUBSTRATE,
    actor: { id: 'service:gateway', kind: 'service' as const },
  }
  const secret = newSecret('operator')
  return act<FirstOperator>(db, { context, clock }, async (trx) => {
    // Held until the commit, so that a second process looks only after the first has written.
    await trx.raw(`select pg_advisory_xact_lock(hashtext('gateway.first-operator'))`)
    const createdAt = clock.now()
    if (await hasLiveOperator(trx, createdAt)) return unchanged({ created: false })
    const token = rootToken({
      tokenId: uuidv7(),
      kind: 'operator',
      tenantId: SUBSTRATE,
      agent: undefined,
      scopes: [...NAMED_SCOPES],
      rateClass: 'elevated',
      createdAt,
      expiresAt: expiryOf(createdAt, EXPIRY_DAYS_MAX),
    })
    await insertToken(trx, token, hashOf(secret))
    const event = { tokenId: token.tokenId, tenantId: SUBSTRATE, kind: token.kind }
    return {
      reply: { created: true, token: secret, tokenId: token.tokenId },
      audit: [recordOf('token.created', token)],
      events: [outgoing(tokenCreated, event)],
    }
  })
}
