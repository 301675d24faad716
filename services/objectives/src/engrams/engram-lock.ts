import type { Knex } from '@mumega/db'
import { shareLock, takeLock } from '@mumega/db/named-lock'

/**
 * What everybody who records an engram holds together until their transaction ends. Whoever takes
 * it alone knows that every number of the tenant up to the highest is committed.
 */
const nameOf = (tenantId: string) => `objectives.engrams ${tenantId}`

/** To be taken before a number is drawn. */
export function shareEngramLock(trx: Knex.Transaction, tenantId: string): Promise<void> {
  return shareLock(trx, nameOf(tenantId))
}

/**
 * To be taken by who reads engrams up to a number: waits for those who record, and lets none begin
 * until `trx` ends.
 */
export function takeEngramLock(trx: Knex.Transaction, tenantId: string): Promise<void> {
  return takeLock(trx, nameOf(tenantId))
}
