import type { Knex } from '@mumega/db'

/** Places in the log: from `begin` up to before `end`. */
export interface Range {
  readonly begin: number
  readonly end: number
}

/** Neighbouring entries, each behind its length, as they are stored. */
export interface Frames {
  /** The place of the first. */
  readonly begin: number
  readonly count: number
  readonly frames: Buffer
}

/**
 * The entries from `begin` up to `end`, each behind its length, as they are stored: the very bytes
 * of a C2SP entry bundle. They must be committed.
 */
export async function getBundle(db: Knex, { begin, end }: Range): Promise<Buffer> {
  const found = await findFrames(db, { begin, end })
  const count = found.reduce((sum, part) => sum + part.count, 0)
  if (count !== end - begin) throw new Error(`entries ${begin} to ${end} are not all there`)
  return Buffer.concat(found.map(({ frames }) => frames))
}

/** What is committed of a range, batch by batch in the log's order. */
export async function findFrames(db: Knex, { begin, end }: Range): Promise<Frames[]> {
  const answer = await db.raw<{ rows: { begin: string; count: number; frames: Buffer }[] }>(
    `select first_index + begins as begin, (ends - begins)::int as count,
            substring(entries from offset_at(offsets, begins) + 1
                      for offset_at(offsets, ends) - offset_at(offsets, begins)) as frames
       from (select entries, offsets, first_index,
                    greatest(:begin::bigint, first_index) - first_index as begins,
                    least(:end::bigint, first_index + count) - first_index as ends
               from event_batches
              where first_index < :end and first_index + count > :begin and first_index >=
                    (select max(first_index) from event_batches where first_index <= :begin)) batch
      order by first_index`,
    { begin, end },
  )
  return answer.rows.map((row) => ({ ...row, begin: Number(row.begin) }))
}
