import type { deadLettered } from '@mumega/contracts/dead-letters'
import type { PayloadOf } from '@mumega/contracts/define'
import type { Knex } from '@mumega/db'

export type DeadLetter = PayloadOf<ReturnType<typeof deadLettered>>

interface DeadLetterRow {
  number: string
  dead_letter_id: string
  service: string
  consumer: string
  subject: string
  headers: Record<string, string>
  body: string
  reason: string
  deliveries: number
  occurred_at: Date
  replayed_at: Date | null
}

/** What an operator sees of a dead letter: never its body, which may hold any tenant's data. */
export interface ListedDeadLetter {
  number: number
  letter: Omit<DeadLetter, 'headers' | 'body'>
  replayedAt?: Date
}

/** Stores a dead letter once per id; false when it is there already. */
export async function insertDeadLetter(
  trx: Knex.Transaction,
  letter: DeadLetter,
): Promise<boolean> {
  const inserted = await trx.raw<{ rowCount: number }>(
    `insert into dead_letters
       (dead_letter_id, service, consumer, subject, headers, body, reason, deliveries, occurred_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (dead_letter_id) do nothing`,
    [
      letter.deadLetterId,
      letter.service,
      letter.consumer,
      letter.subject,
      JSON.stringify(letter.headers),
      letter.body,
      letter.reason,
      letter.deliveries,
      letter.occurredAt,
    ],
  )
  return inserted.rowCount === 1
}

export async function findDeadLetter(
  trx: Knex.Transaction,
  deadLetterId: string,
): Promise<DeadLetter | undefined> {
  const row = await trx<DeadLetterRow>('dead_letters')
    .where({ dead_letter_id: deadLetterId })
    .first()
  if (row === undefined) return undefined
  return { ...letterOf(row), headers: row.headers, body: row.body }
}

/** Newest first, from the first one before `before`. */
export async function listDeadLettersBefore(
  trx: Knex.Transaction,
  { before, limit }: { before: number; limit: number },
): Promise<ListedDeadLetter[]> {
  const found = await trx.raw<{ rows: DeadLetterRow[] }>(
    `select l.number, l.dead_letter_id, l.service, l.consumer, l.subject, l.reason, l.deliveries,
            l.occurred_at,
            (select max(r.finished_at) from dead_letter_replays r
              where r.dead_letter_id = l.dead_letter_id and r.failure is null) as replayed_at
       from dead_letters l where l.number < ? order by l.number desc limit ?`,
    [before, limit],
  )
  return found.rows.map((row) => ({
    number: Number(row.number),
    letter: letterOf(row),
    ...(row.replayed_at === null ? {} : { replayedAt: row.replayed_at }),
  }))
}

/** Dead letters that no replay has settled; counting stops at `limit`. */
export async function countOpenDeadLetters(trx: Knex.Transaction, limit: number): Promise<number> {
  const found = await trx.raw<{ rows: { open: string }[] }>(
    `select count(*) as open from (
       select from dead_letters l where not exists (
         select from dead_letter_replays r
          where r.dead_letter_id = l.dead_letter_id
            and r.finished_at is not null and r.failure is null)
       limit ?) as rows`,
    [limit],
  )
  return Number(found.rows[0]?.open)
}

/** What came of a replay. */
export interface ReplayOutcome {
  finishedAt: Date
  /** The code of the error with which the consumer refused. */
  failure?: string
}

export async function insertReplay(
  trx: Knex.Transaction,
  replay: { replayId: string; deadLetterId: string; requestedAt: Date },
): Promise<void> {
  await trx('dead_letter_replays').insert({
    replay_id: replay.replayId,
    dead_letter_id: replay.deadLetterId,
    requested_at: replay.requestedAt,
  })
}

/**
 * Locks the replay until `trx` ends, so that it gets one outcome; that outcome, if it has it
 * already.
 */
export async function findOutcomeForUpdate(
  trx: Knex.Transaction,
  replayId: string,
): Promise<ReplayOutcome | undefined> {
  const row = await trx<{
    replay_id: string
    finished_at: Date | null
    failure: string | null
  }>('dead_letter_replays')
    .where({ replay_id: replayId })
    .forUpdate()
    .first()
  if (row === undefined) throw new Error(`the replay ${replayId} has no row`)
  if (row.finished_at === null) return undefined
  return {
    finishedAt: row.finished_at,
    ...(row.failure === null ? {} : { failure: row.failure }),
  }
}

export async function updateOutcome(
  trx: Knex.Transaction,
  { replayId, finishedAt, failure }: ReplayOutcome & { replayId: string },
): Promise<void> {
  await trx('dead_letter_replays')
    .where({ replay_id: replayId })
    .update({ finished_at: finishedAt, failure: failure ?? null })
}

function letterOf(row: DeadLetterRow): Omit<DeadLetter, 'headers' | 'body'> {
  return {
    deadLetterId: row.dead_letter_id,
    service: row.service,
    consumer: row.consumer,
    subject: row.subject,
    reason: row.reason,
    deliveries: row.deliveries,
    occurredAt: row.occurred_at.toISOString(),
  }
}
