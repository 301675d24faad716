import type { Knex } from '@mumega/db'

/** An intent whose outcome is not in the log. */
export interface OpenIntent {
  readonly source: string
  readonly id: string
  readonly index: number
}

interface OpenIntentRow {
  source: string
  id: string
  log_index: string
  occurred_at: Date
}

/** So many are told at once; the others follow as these are closed. */
export const TOLD_MAX = 1_000

/**
 * Begins the deadline now of intents that say a time to come: no producer chooses to be missed
 * later than others, or never.
 */
export async function boundTimes(db: Knex, now: Date): Promise<void> {
  // Left to the next look where the projection closes one: in another order they would deadlock.
  await db.raw(
    `update open_intents held set occurred_at = :now
       from (select id, source from open_intents
              where occurred_at > :now for update skip locked) ahead
      where held.id = ahead.id and held.source = ahead.source`,
    { now },
  )
}

/** The oldest intents from before this time that nothing has closed. */
export async function readOverdueIntents(db: Knex, before: Date): Promise<OpenIntent[]> {
  const rows = await db<OpenIntentRow>('open_intents')
    .where('occurred_at', '<', before)
    .orderBy(['occurred_at', 'id'])
    .limit(2 * TOLD_MAX)
  return rows.map(openIntentOf)
}

/** The intents that are open findings and open still. */
export async function readToldIntents(db: Knex): Promise<OpenIntent[]> {
  const { rows } = await db.raw<{ rows: OpenIntentRow[] }>(
    `select intent.* from audit_findings
       join open_intents intent
         on intent.id = substring(place from '/([0-9a-f-]{36}) at entry [0-9]+$')::uuid
        and place = format('intent %s/%s at entry %s', source, id, log_index)
      where kind = 'outcome-missing' and cleared_at is null
      order by intent.occurred_at, intent.id limit ?`,
    [TOLD_MAX],
  )
  return rows.map(openIntentOf)
}

function openIntentOf({ source, id, log_index: index }: OpenIntentRow): OpenIntent {
  return { source, id, index: Number(index) }
}
