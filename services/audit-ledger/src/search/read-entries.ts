import { READ_ENTRIES_MAX, type readEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { asUnavailable } from '@mumega/db/unavailable'
import { invalidFilter, operatorsOnly } from '../errors.ts'
import { listEntries } from './entry-repository.ts'
import { REPLY_BYTES_MAX } from './export-entries.ts'

// Places that are read at once, as a query costs as much as a hundred entries: of the largest size
// they are 2 MB.
const PART = 250

/**
 * Answers with the entries at these places, as many as fit into a reply, whichever chain's they
 * are. Read from the log itself and not by the index, which lags and may be wrong.
 *
 * @throws audit-ledger.invalid-filter, audit-ledger.operators-only, db.unavailable
 */
export async function handleReadEntries(
  db: Knex,
  { begin, end }: RequestOf<typeof readEntries>,
  { tenantId }: CallContext,
): Promise<ReplyOf<typeof readEntries>> {
  if (tenantId !== SUBSTRATE) throw operatorsOnly()
  if (end <= begin) throw invalidFilter('end', 'must be greater than begin')
  if (end - begin > READ_ENTRIES_MAX) {
    throw invalidFilter('end', `must be at most ${READ_ENTRIES_MAX} greater than begin`)
  }
  return asUnavailable(() => readRange(db, begin, end))
}

async function readRange(
  db: Knex,
  begin: number,
  end: number,
): Promise<ReplyOf<typeof readEntries>> {
  const entries: { index: number; entry: string }[] = []
  let bytes = 0
  for (let at = begin; at < end; at += PART) {
    const part = await listEntries(db, { begin: at, end: Math.min(at + PART, end) })
    for (const { index, bytes: read } of part) {
      const entry = { index, entry: read.toString() }
      bytes += Buffer.byteLength(JSON.stringify(entry))
      if (bytes > REPLY_BYTES_MAX && entries.length > 0) return { entries, next: index }
      entries.push(entry)
    }
  }
  return { entries }
}
