import type { Knex } from '@mumega/db'

/**
 * The entries from `begin` up to `end`, each behind its length, as they are stored: the very bytes
 * of a C2SP entry bundle. They must be committed.
 */
export async function getBundle(
  db: Knex,
  { begin, end }: { begin: number; end: number },
): Promise<Buffer> {
  const answer = await db.raw<{ rows: { frames: Buffer; count: number }[] }>(
    `select substring(entries from offset_at(offsets, begins) + 1
                      for offset_at(offsets, ends) - offset_at(offsets, begins)) as frames,
            (ends - begins)::int as count
       from (select entries, offsets, first_index,
                    greatest(:begin::bigint, first_index) - first_index as begins,
                    least(:end::bigint, first_index + count) - first_index as ends
               from event_batches
              where first_index < :end and first_index >=
                    (select max(first_index) from event_batches where first_index <= :begin)) batch
      order by first_index`,
    { begin, end },
  )
  const count = answer.rows.reduce((sum, row) => sum + row.count, 0)
  if (count !== end - begin) throw new Error(`entries ${begin} to ${end} are not all there`)
  return Buffer.concat(answer.rows.map(({ frames }) => frames))
}
