import type { SealedEntry } from '@mumega/contracts/audit'
import { decodeEntry, entryHash } from '@mumega/tlog/entry'
import type { Connection } from '../connection.ts'
import { framesOf } from '../signing/frames.ts'

/** Up to which index, exclusive, every entry was announced. */
export async function readAnnounced(connection: Connection): Promise<number> {
  const answer = await connection.query<{ announced_size: string }>({
    text: 'select announced_size from announcements',
  })
  return Number(answer.rows[0]?.announced_size)
}

/**
 * Not waited for on disk: a cursor that lags after a crash repeats announcements, which is allowed.
 */
export async function writeAnnounced(connection: Connection, size: number): Promise<void> {
  await connection.query({
    text: `with lazily as (select set_config('synchronous_commit', 'off', true))
           update announcements set announced_size = $1 from lazily where announced_size <= $1`,
    values: [size],
  })
}

/** The entries of one batch from `index` on, which must be committed. */
export async function readSealed(connection: Connection, index: number): Promise<SealedEntry[]> {
  const answer = await connection.query<{ first_index: string; entries: Buffer }>({
    text: `select first_index, entries from event_batches where first_index <= $1
            order by first_index desc limit 1`,
    values: [index],
  })
  const row = answer.rows[0]
  if (row === undefined) throw new Error(`there is no batch with the entry ${index}`)
  const first = Number(row.first_index)
  return framesOf(row.entries)
    .map((bytes, nth) => {
      const { source, id, chain, seq } = decodeEntry(bytes)
      return { source, id, chain, seq, index: first + nth, hash: entryHash(bytes).toString('hex') }
    })
    .slice(index - first)
}
