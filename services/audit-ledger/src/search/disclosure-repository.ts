import { hash } from 'node:crypto'
import type { Knex } from '@mumega/db'
import { SALT_BYTES } from '@mumega/tlog/entry'

export interface Disclosed {
  /** Hex. */
  readonly salt: string
  /** Canonical JSON. */
  readonly payload: string
}

/**
 * What stands behind the commitments of entries, by index. What was erased, or is not what the
 * entry commits to, is missing.
 */
export async function findDisclosures(
  db: Knex,
  commitments: ReadonlyMap<number, string>,
): Promise<Map<number, Disclosed>> {
  const answer = await db.raw<{
    rows: { log_index: string; salt: Buffer | null; payload: Buffer | null }[]
  }>(
    `select log_index,
            substring(salts from (${SALT_BYTES} * (log_index - first_index) + 1)::int
                      for ${SALT_BYTES}) as salt,
            substring(payloads from offset_at(pair, 0) + 1
                      for greatest(0, offset_at(pair, 1) - offset_at(pair, 0))) as payload
       from unnest(?::bigint[]) as wanted (log_index) cross join lateral (
            select salts, payloads, first_index,
                   substring(offsets from (4 * (log_index - first_index) + 1)::int for 8) as pair
              from payload_batches where first_index <= log_index
             order by first_index desc limit 1) batch`,
    [[...commitments.keys()]],
  )
  const disclosures = new Map<number, Disclosed>()
  for (const { log_index: text, salt, payload } of answer.rows) {
    if (salt === null || payload === null) continue
    const commitment = hash('sha256', Buffer.concat([salt, payload]), 'hex')
    if (commitment !== commitments.get(Number(text))) continue
    disclosures.set(Number(text), { salt: salt.toString('hex'), payload: payload.toString() })
  }
  return disclosures
}
