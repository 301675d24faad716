import type { Knex } from '@mumega/db'
import { framesOf } from '../signing/frames.ts'
import { findFrames, type Range } from '../tiles/bundle-repository.ts'

const LENGTH_BYTES = 2

/** The bytes of entries by their index; what is not in the log is missing. */
export async function findEntries(
  db: Knex,
  indexes: readonly number[],
): Promise<Map<number, Buffer>> {
  const answer = await db.raw<{ rows: { log_index: string; framed: Buffer }[] }>(
    `select log_index, substring(entries from offset_at(pair, 0) + 1
                                 for offset_at(pair, 1) - offset_at(pair, 0)) as framed
       from unnest(?::bigint[]) as wanted (log_index) cross join lateral (
            select entries, count, first_index,
                   substring(offsets from (4 * (log_index - first_index) + 1)::int for 8) as pair
              from event_batches where first_index <= log_index
             order by first_index desc limit 1) batch
      where log_index < first_index + count`,
    [[...indexes]],
  )
  return new Map(
    answer.rows.map((row) => [Number(row.log_index), row.framed.subarray(LENGTH_BYTES)]),
  )
}

/** The bytes of the entries of a range, in their order; what is not in the log is missing. */
export async function listEntries(
  db: Knex,
  range: Range,
): Promise<{ index: number; bytes: Buffer }[]> {
  const found = await findFrames(db, range)
  return found.flatMap(({ begin, frames }) =>
    framesOf(frames).map((bytes, nth) => ({ index: begin + nth, bytes })),
  )
}

/** How many entries are committed. */
export async function getLogSize(db: Knex): Promise<number> {
  const row = await db<{ size: string }>('log_head').first('size')
  return Number(row?.size)
}
