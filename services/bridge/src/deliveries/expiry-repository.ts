import type { Knex } from '@mumega/db'

/** A message that has an end. */
export interface Expiry {
  tenantId: string
  messageId: string
}

interface ExpiryRow {
  tenant_id: string
  message_id: string
}

/** Of all tenants, oldest first: it needs the substrate's context. */
export async function listExpiriesDue(
  trx: Knex.Transaction,
  { now, limit }: { now: Date; limit: number },
): Promise<Expiry[]> {
  const found = await trx.raw<{ rows: ExpiryRow[] }>(
    'select tenant_id, message_id from expiries where expires_at <= ? order by expires_at limit ?',
    [now, limit],
  )
  return found.rows.map((row) => ({ tenantId: row.tenant_id, messageId: row.message_id }))
}

/** Takes it off the list. False when another bridge has. */
export async function takeExpiry(
  trx: Knex.Transaction,
  { tenantId, messageId }: Expiry,
): Promise<boolean> {
  const taken = await trx('expiries').where({ tenant_id: tenantId, message_id: messageId }).delete()
  return taken === 1
}
