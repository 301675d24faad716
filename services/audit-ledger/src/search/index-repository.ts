import type { LeafEntry } from '@mumega/tlog/entry'
import type { Connection } from '../connection.ts'
import { framesOf, hashLeaf } from '../signing/frames.ts'
import { rowOf, type IndexRow } from './index-row.ts'

/** Indexes in the log: `begin` inclusive, `end` exclusive. */
export interface Slice {
  readonly begin: number
  readonly end: number
}

/** A run of entries about which the index says something else than the log. */
export interface Fault {
  readonly index: number
  readonly entries: number
  /** At most 200 characters. */
  readonly reason: string
}

/** Up to which index, exclusive, the log is projected, and counted. */
export async function readProgress(
  connection: Connection,
): Promise<{ indexed: number; counted: number }> {
  const answer = await connection.query<{ indexed_size: string; counted_size: string }>({
    text: 'select indexed_size, counted_size from entry_index_progress',
  })
  const [row] = answer.rows
  return { indexed: Number(row?.indexed_size), counted: Number(row?.counted_size) }
}

/** The rows that the log's own bytes give for a slice, which must be committed. */
export async function readRows(connection: Connection, slice: Slice): Promise<IndexRow[]> {
  // Written by the sealer itself, and verified byte for byte before they are signed.
  return rowsOf(slice, (await readEntries(connection, slice)).entries)
}

/** As `readRows`; undefined where an entry is not the one that was hashed when it was sealed. */
export async function readSealedRows(
  connection: Connection,
  slice: Slice,
): Promise<IndexRow[] | undefined> {
  const { entries, leaves } = await readEntries(connection, slice)
  return entries.map(hashLeaf).join('') === leaves.toString('latin1')
    ? rowsOf(slice, entries)
    : undefined
}

function rowsOf({ begin }: Slice, entries: readonly Buffer[]): IndexRow[] {
  return entries.map((bytes, nth) => rowOf(begin + nth, JSON.parse(bytes.toString()) as LeafEntry))
}

async function readEntries(
  connection: Connection,
  slice: Slice,
): Promise<{ entries: Buffer[]; leaves: Buffer }> {
  const answer = await connection.query<{ frames: Buffer; leaves: Buffer }>({
    name: 'read-slice',
    text: `select substring(entries from offset_at(offsets, begins) + 1
                            for offset_at(offsets, ends) - offset_at(offsets, begins)) as frames,
                  substring(leaf_hashes from 32 * begins::int + 1
                            for 32 * (ends - begins)::int) as leaves
             from (select entries, offsets, leaf_hashes, first_index,
                          greatest($1::bigint, first_index) - first_index as begins,
                          least($2::bigint, first_index + count) - first_index as ends
                     from event_batches
                    where first_index < $2 and first_index >=
                          (select max(first_index) from event_batches where first_index <= $1)) batch
            order by first_index`,
    values: [slice.begin, slice.end],
  })
  const entries = answer.rows.flatMap(({ frames }) => framesOf(frames))
  if (entries.length !== slice.end - slice.begin) {
    throw new Error(`entries ${slice.begin} to ${slice.end} are not all there`)
  }
  return { entries, leaves: Buffer.concat(answer.rows.map(({ leaves }) => leaves)) }
}

const GIVEN = `
  select log_index, chain, seq, source, id, actor_id, actor_kind, action, target, phase, closes,
         occurred_at, decode(trace, 'hex') as trace
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::text[],
                $7::text[], $8::text[], $9::text[], $10::text[], $11::uuid[], $12::timestamptz[],
                $13::text[])
         as row (log_index, chain, seq, source, id, actor_id, actor_kind, action, target, phase,
                 closes, occurred_at, trace)`

const COLUMNS = `chain, seq, source, id, actor_id, actor_kind, action, target, phase, closes,
  occurred_at, trace`

// A row that already says the same is left alone; `stood` are those that said something else.
const PUT = `
  insert into entry_index as held select given.* from given, moved
      on conflict (log_index) do update set (${COLUMNS}) =
         row(${COLUMNS.replaceAll(/\w+/g, 'excluded.$&')})
   where held is distinct from excluded
  returning held.log_index, held.xmax::text <> '0' as stood`

// Which of the producers' numbers are in the log, as the key rows tell them, and which of them an
// earlier entry had already. What is projected once more was counted the first time. `met` reads
// what is known of a producer once: asked for each row, it would be unpacked for each, whole.
const NUMBERED = `
  arrived as materialized (
    select key.source, key.number, given.log_index,
           row_number() over (partition by key.source, key.number
                                  order by given.log_index) > 1 as is_twice
      from moved, counted, given join event_keys key using (id, source)
     where given.log_index >= counted.size),
  fresh as materialized (
    select source, range_agg(int8range(number, number, '[]')) as numbers
      from arrived group by source),
  met as materialized (
    select source, known.seen * fresh.numbers as numbers, known.given_up_range
      from fresh join source_numbers known using (source)),
  judged as (
    select arrived.*, is_twice or coalesce(met.numbers @> number
                                           and not met.given_up_range @> number, false) as again
      from arrived left join met using (source)),
  numbered as (
    insert into source_numbers as held (source, seen, reused, reused_number, reused_index)
    select source, fresh.numbers, count(*) filter (where again),
           (array_agg(number order by log_index) filter (where again))[1],
           min(log_index) filter (where again)
      from judged join fresh using (source)
     group by source, fresh.numbers
        on conflict (source) do update
       set seen = held.seen + excluded.seen, reused = held.reused + excluded.reused,
           reused_number = coalesce(held.reused_number, excluded.reused_number),
           reused_index = coalesce(held.reused_index, excluded.reused_index))`

const COUNTED = 'select counted_size as size from entry_index_progress'

// An intent is closed by its own producer and in its own chain: nobody hides what another left.
const CLOSED = `
  delete from open_intents using given, moved
   where open_intents.id = given.closes and open_intents.chain = given.chain
     and open_intents.source = given.source`

// An outcome may stand before its intent, or in the same slice.
const OPENED = `
  insert into open_intents (id, source, chain, log_index, occurred_at)
  select id, source, chain, log_index, occurred_at from given, moved
   where phase = 'intent'
     and not exists (select from given other
                      where other.closes = given.id and other.chain = given.chain
                        and other.source = given.source)
     and not exists (select from entry_index other
                      where other.closes = given.id and other.chain = given.chain
                        and other.source = given.source)
      on conflict do nothing`

function valuesOf(rows: readonly IndexRow[]): unknown[] {
  return [
    rows.map(({ index }) => index),
    rows.map(({ chain }) => chain),
    rows.map(({ seq }) => seq),
    rows.map(({ source }) => source),
    rows.map(({ id }) => id),
    rows.map(({ actorId }) => actorId),
    rows.map(({ actorKind }) => actorKind),
    rows.map(({ action }) => action),
    rows.map(({ target }) => target),
    rows.map(({ phase }) => phase),
    rows.map(({ closes }) => closes),
    rows.map(({ time }) => storableTime(time)),
    rows.map(({ trace }) => trace),
  ]
}

// ISO 8601 has a year 0; PostgreSQL calls it the first one before Christ.
function storableTime(time: string): string {
  return time.startsWith('0000') ? `0001${time.slice(4)} BC` : time
}

/**
 * Adds the rows of a slice and moves the progress over it, together or not at all. Undefined when
 * the progress does not stand at the slice's begin: somebody else projects. Otherwise the indexes
 * at which another row stood, which the log's has replaced.
 */
export async function projectRows(
  connection: Connection,
  { begin, end }: Slice,
  rows: readonly IndexRow[],
): Promise<number[] | undefined> {
  const answer = await connection.query<{ moved: number; stood: string[] | null }>({
    name: 'project-slice',
    // Not waited for on disk: rows and progress are lost together, and the log is still there.
    text: `with lazily as (select set_config('synchronous_commit', 'off', true)),
                moved as (update entry_index_progress
                             set indexed_size = $14, counted_size = greatest(counted_size, $14)
                            from lazily
                           where indexed_size = $15::bigint and counted_size >= $15 returning 1),
                counted as (${COUNTED}),
                given as (${GIVEN}),
                put as (${PUT}),
                ${NUMBERED},
                closed as (${CLOSED}),
                opened as (${OPENED})
           select (select count(*)::int from moved) as moved,
                  (select array_agg(log_index order by log_index) from put where stood) as stood`,
    values: [...valuesOf(rows), end, begin],
  })
  const row = answer.rows[0]
  return row?.moved === 1 ? (row.stood ?? []).map(Number) : undefined
}

/** Counts a slice that a former version of the ledger projected, which did not count it. */
export async function countSlice(
  connection: Connection,
  { begin, end }: Slice,
  rows: readonly IndexRow[],
): Promise<void> {
  await connection.query({
    text: `with moved as (update entry_index_progress set counted_size = $14
                           where counted_size = $15::bigint returning 1),
                counted as (${COUNTED}),
                given as (${GIVEN}),
                ${NUMBERED},
                closed as (${CLOSED}),
                opened as (${OPENED})
           select count(*) from moved`,
    values: [...valuesOf(rows), end, begin],
  })
}

/** The indexes of a slice at which the index has no row, or one that says something else. */
export async function findDifferences(
  connection: Connection,
  rows: readonly IndexRow[],
): Promise<{ index: number; isMissing: boolean }[]> {
  const answer = await connection.query<{ log_index: string; missing: boolean }>({
    name: 'compare-slice',
    text: `with given as (${GIVEN})
           select given.log_index, held.log_index is null as missing
             from given left join entry_index held on held.log_index = given.log_index
            where row(held.*) is distinct from row(given.*) order by 1`,
    values: valuesOf(rows),
  })
  return answer.rows.map(({ log_index: index, missing }) => ({
    index: Number(index),
    isMissing: missing,
  }))
}

/** Writes what the log says over whatever stands in the slice. */
export async function rewriteRows(
  connection: Connection,
  rows: readonly IndexRow[],
): Promise<void> {
  await connection.query({
    text: `with moved as (select 1), given as (${GIVEN}), put as (${PUT}) select count(*) from put`,
    values: valuesOf(rows),
  })
}

/** How many rows the index has in this range. */
export async function countRows(connection: Connection, { begin, end }: Slice): Promise<number> {
  const answer = await connection.query<{ count: number }>({
    name: 'count-range',
    text: `select count(*)::int as count from entry_index where log_index >= $1 and log_index < $2`,
    values: [begin, end],
  })
  return answer.rows[0]?.count ?? 0
}

export async function insertFaults(
  connection: Connection,
  faults: readonly Fault[],
): Promise<void> {
  await connection.query({
    text: `insert into entry_index_faults (log_index, entries, reason)
           select * from unnest($1::bigint[], $2::bigint[], $3::text[])`,
    values: [
      faults.map(({ index }) => index),
      faults.map(({ entries }) => entries),
      faults.map(({ reason }) => reason),
    ],
  })
}

/** The faults within a slice, which now says what the log says. */
export async function closeFaults(connection: Connection, { begin, end }: Slice): Promise<void> {
  await connection.query({
    text: `update entry_index_faults set mended_at = now()
            where mended_at is null and log_index >= $1 and log_index + entries <= $2`,
    values: [begin, end],
  })
}

/** From the first to behind the last entry that an open fault concerns; undefined without one. */
export async function findOpenFaults(connection: Connection): Promise<Slice | undefined> {
  const answer = await connection.query<{ begin: string | null; end: string | null }>({
    text: `select min(log_index) as begin, max(log_index + entries) as end
             from entry_index_faults where mended_at is null`,
  })
  const { begin, end } = answer.rows[0] ?? { begin: null, end: null }
  return begin === null || end === null ? undefined : { begin: Number(begin), end: Number(end) }
}
