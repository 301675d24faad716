import type { Knex } from '@mumega/db'

/** An intent whose outcome is not in the log. */
export interface OpenIntent {
  readonly source: string
  readonly id: string
  readonly index: number
}

/** Those that one look tells, the oldest first; the others follow as these are closed. */
const OVERDUE_MAX = 500

/** The intents from before this time that nothing has closed. */
export async function readOverdueIntents(db: Knex, before: Date): Promise<OpenIntent[]> {
  const rows = await db<{ source: string; id: string; log_index: string; occurred_at: Date }>(
    'open_intents',
  )
    .where('occurred_at', '<', before)
    .orderBy(['occurred_at', 'id'])
    .limit(OVERDUE_MAX)
  return rows.map(({ source, id, log_index: index }) => ({ source, id, index: Number(index) }))
}
