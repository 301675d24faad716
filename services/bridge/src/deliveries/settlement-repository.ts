import type { Knex } from '@mumega/db'
import { prepared } from '@mumega/db/prepared'
import type { InboxKey } from '../messages/inbox-repository.ts'

// Of each agent, by the position of what is counted: those that are settled at once are mostly
// neighbours, and wait for each other only where they have one row. Their table says so, too.
const SLOTS = 16

/** The slot of the deliveries `d`. */
export const SLOT = `d.position % ${SLOTS}`

/** How many deliveries of the inbox `i` are settled. */
export const SETTLED = `(
  select coalesce(sum(s.settled), 0) from settlements s
   where s.tenant_id = i.tenant_id and s.agent = i.agent)`

/** Behind an insert into settlements `s`: a row is there from when it is first needed. */
export const COUNTED = `
  on conflict (tenant_id, agent, slot) do update
    set settled = s.settled + excluded.settled,
        last_work_at = greatest(s.last_work_at, excluded.last_work_at)`

/** Remembers that an agent did something then: dealt with this position, or what has none. */
export async function recordWork(
  trx: Knex.Transaction,
  { tenantId, agent, position = 0, at }: InboxKey & { position?: number; at: Date },
): Promise<void> {
  await prepared(
    trx,
    `insert into settlements as s (tenant_id, agent, slot, settled, last_work_at)
     values (?, ?, ?, 0, ?) ${COUNTED}`,
    [tenantId, agent, position % SLOTS, at],
  )
}

/** Counts a delivery as settled no more. Needs its lock, and that it was counted. */
export async function uncount(
  trx: Knex.Transaction,
  { tenantId, agent, position }: InboxKey & { position: number },
): Promise<void> {
  const uncounted = await trx('settlements')
    .where({ tenant_id: tenantId, agent, slot: position % SLOTS })
    .decrement('settled', 1)
  if (uncounted !== 1) throw new Error('a settlement was not counted')
}
