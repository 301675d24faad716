import type { Connection } from '../connection.ts'
import type { IndexRow } from '../search/index-row.ts'

/** A producer's numbers, as `source_numbers` had them when `size` entries were counted. */
export interface KeptNumbers {
  readonly source: string
  /** An `int8multirange` in PostgreSQL's notation, as all the numbers here. */
  readonly seen: string
  /** Where numbers are given up; `empty` where none are. */
  readonly givenUp: string
  readonly reused: number
}

/** A producer's numbers as the log tells them. */
export interface ToldNumbers {
  readonly source: string
  /** Without those that are given up. */
  readonly numbers: string
  readonly ranges: number
  /** So many entries have a key that says it. */
  readonly entries: number
  /** Intents whose number an earlier one had, and the first of them. */
  readonly reused: number
  readonly reusedNumber: number | null
  readonly reusedIndex: number | null
}

/** What a producer's row says and the log does not, and the other way round. */
export interface NumbersDifference {
  readonly source: string
  readonly extra: string
  readonly lost: string
  readonly kept: number
  readonly told: number
}

/** Names an intent. */
export interface IntentKey {
  readonly source: string
  readonly id: string
}

/** A row of `open_intents` that should be another, or not there, or is missing. */
export interface OpenDifference extends IntentKey {
  /** Where in the log it should be said to be open since when; null when it is not open. */
  readonly due: string | null
  readonly held: string | null
}

/**
 * Brings the progress of the projection back to the log where it is said to be further: nothing
 * would be projected, or counted, up to there. How far it said to be; undefined when all is well.
 */
export async function boundProgress(connection: Connection): Promise<number | undefined> {
  const answer = await connection.query<{ said: string }>({
    name: 'bound-progress',
    text: `with ahead as (
             select greatest(indexed_size, counted_size) as said, log_head.size
               from entry_index_progress, log_head
              where greatest(indexed_size, counted_size) > log_head.size
                for update of entry_index_progress)
           update entry_index_progress
              set indexed_size = least(indexed_size, ahead.size),
                  counted_size = least(counted_size, ahead.size)
             from ahead returning ahead.said`,
  })
  const said = answer.rows[0]?.said
  return said === undefined ? undefined : Number(said)
}

/** What is kept of all producers, and of how many entries, at one moment. */
export async function readKept(
  connection: Connection,
): Promise<{ size: number; kept: KeptNumbers[] }> {
  const answer = await connection.query<{
    size: string
    source: string | null
    seen: string
    given_up: string
    reused: string
  }>({
    name: 'read-kept-numbers',
    // A range without a number of how many were given up was not written by the ledger.
    text: `select counted_size as size, source, seen::text, reused,
                  case when given_up > 0 then given_up_range else 'empty' end::text as given_up
             from entry_index_progress left join source_numbers on true order by source`,
  })
  return {
    size: Number(answer.rows[0]?.size),
    kept: answer.rows.flatMap(({ source, seen, given_up, reused }) =>
      source === null ? [] : [{ source, seen, givenUp: given_up, reused: Number(reused) }],
    ),
  }
}

/** Adds the numbers that the keys of these entries have to what was told of their producers. */
export async function addNumbers(
  connection: Connection,
  rows: readonly IndexRow[],
  known: readonly (ToldNumbers & Pick<KeptNumbers, 'givenUp'>)[],
): Promise<ToldNumbers[]> {
  const answer = await connection.query<{
    source: string
    numbers: string
    ranges: number
    entries: number
    reused: number
    reused_number: string | null
    reused_index: string | null
  }>({
    name: 'add-numbers',
    text: `with held as (
             select * from unnest($1::text[], $2::int8multirange[], $3::int8range[])
                    as held (source, numbers, given_up)),
           arrived as (
             select key.source, key.number, given.log_index,
                    row_number() over (partition by key.source, key.number
                                           order by given.log_index) > 1 as is_twice
               from unnest($4::bigint[], $5::text[], $6::uuid[]) as given (log_index, source, id)
               join event_keys key using (id, source)),
           judged as (
             select arrived.*, is_twice or coalesce(held.numbers @> number, false) as again
               from arrived left join held using (source)),
           fresh as (
             select source, range_agg(int8range(number, number, '[]')) as numbers,
                    count(*)::int as entries,
                    count(*) filter (where again)::int as reused,
                    (array_agg(number order by log_index) filter (where again))[1]
                      as reused_number,
                    min(log_index) filter (where again) as reused_index
               from judged group by source)
           select source, all_of.numbers::text as numbers, entries, reused, reused_number,
                  reused_index,
                  (select count(*)::int from unnest(all_of.numbers)) as ranges
             from fresh left join held using (source), lateral (
                  select coalesce(held.numbers, '{}') + fresh.numbers
                         - int8multirange(coalesce(held.given_up, 'empty')) as numbers) all_of`,
    values: [
      known.map(({ source }) => source),
      known.map(({ numbers }) => numbers),
      known.map(({ givenUp }) => givenUp),
      rows.map(({ index }) => index),
      rows.map(({ source }) => source),
      rows.map(({ id }) => id),
    ],
  })
  return answer.rows.map((row) => ({
    source: row.source,
    numbers: row.numbers,
    ranges: row.ranges,
    entries: row.entries,
    reused: row.reused,
    reusedNumber: row.reused_number === null ? null : Number(row.reused_number),
    reusedIndex: row.reused_index === null ? null : Number(row.reused_index),
  }))
}

/** Where what was kept of producers is not what the log tells. */
export async function compareNumbers(
  connection: Connection,
  pairs: readonly { kept: KeptNumbers; told: ToldNumbers }[],
): Promise<NumbersDifference[]> {
  const answer = await connection.query<NumbersDifference>({
    name: 'compare-numbers',
    // What is given up is not counted as reused: how often it was cannot be told any more.
    text: `select source, extra::text, lost::text, kept, told
             from (select source, kept, told, given_up,
                          seen - numbers - int8multirange(given_up) as extra,
                          numbers - seen as lost
                     from unnest($1::text[], $2::int8multirange[], $3::int8multirange[],
                                 $4::int8range[], $5::int[], $6::int[])
                          as pair (source, seen, numbers, given_up, kept, told)) compared
            where extra <> '{}' or lost <> '{}' or (isempty(given_up) and kept <> told)`,
    values: [
      pairs.map(({ kept }) => kept.source),
      pairs.map(({ kept }) => kept.seen),
      pairs.map(({ told }) => told.numbers),
      pairs.map(({ kept }) => kept.givenUp),
      pairs.map(({ kept }) => kept.reused),
      pairs.map(({ told }) => told.reused),
    ],
  })
  return answer.rows
}

/** Puts a producer's row right by what the log tells. What came since it was read stays. */
export async function mendNumbers(
  connection: Connection,
  { source, extra, lost, kept, told }: NumbersDifference,
  { reusedNumber, reusedIndex }: ToldNumbers,
): Promise<void> {
  await connection.query({
    text: `with known as (
             select $1::text as source, $3::int8multirange as lost, $4::bigint as more,
                    $5::bigint as number, $6::bigint as index)
           insert into source_numbers as held (source, seen, reused, reused_number, reused_index)
           select source, lost, greatest(more, 0), number, index from known
               on conflict (source) do update
              set seen = held.seen - $2::int8multirange + $3,
                  given_up_range = case when held.given_up = 0 then 'empty'
                                        else held.given_up_range end,
                  reused = greatest(held.reused + $4, 0),
                  reused_number = case when held.reused + $4 > 0
                                       then coalesce($5, held.reused_number) end,
                  reused_index = case when held.reused + $4 > 0
                                      then coalesce($6, held.reused_index) end`,
    values: [source, extra, lost, told - kept, reusedNumber, reusedIndex],
  })
  // A producer of whom nothing is in the log.
  await connection.query({ text: `delete from source_numbers where seen = '{}'` })
}

// What should be in `open_intents` of some intents, by the first `$3` entries of the log.
const GIVEN = `given as (
  select distinct * from unnest($1::text[], $2::uuid[]) as given (source, id))`
const DUE = `due as (
  select intent.source, intent.id, intent.chain, intent.log_index, intent.occurred_at
    from given join event_keys key using (id, source)
    join entry_index intent
      on intent.log_index = key.log_index and intent.id = key.id and intent.source = key.source
   where intent.phase = 'intent' and key.log_index < $3
     and not exists (select from entry_index other
                      where other.closes = intent.id and other.chain = intent.chain
                        and other.source = intent.source and other.log_index < $3))`

/** Where `open_intents` says something else of these intents than the first `size` entries do. */
export async function compareOpen(
  connection: Connection,
  intents: readonly IntentKey[],
  size: number,
): Promise<OpenDifference[]> {
  const answer = await connection.query<OpenDifference>({
    name: 'compare-open-intents',
    // A time that was brought back is not altered, and what is to be projected yet not extra.
    text: `with ${GIVEN}, ${DUE}, held as (
             select open.* from open_intents open join given using (id, source)
              where not exists (select from event_keys key
                                 where key.id = open.id and key.source = open.source
                                   and key.log_index >= $3))
           select source, id,
                  format('%s, entry %s since %s', due.chain, due.log_index, due.occurred_at) as due,
                  format('%s, entry %s since %s', held.chain, held.log_index, held.occurred_at)
                    as held
             from due full join held using (source, id)
            where due.id is null or held.id is null or due.chain <> held.chain
               or due.log_index <> held.log_index or held.occurred_at > due.occurred_at`,
    values: [...keysOf(intents), size],
  })
  return answer.rows
}

/** Writes of these intents what the first `size` entries say. */
export async function mendOpen(
  connection: Connection,
  intents: readonly IntentKey[],
  size: number,
): Promise<void> {
  await connection.query({
    text: `with ${GIVEN} delete from open_intents using given
            where open_intents.id = given.id and open_intents.source = given.source`,
    values: keysOf(intents),
  })
  await connection.query({
    text: `with ${GIVEN}, ${DUE}
           insert into open_intents (id, source, chain, log_index, occurred_at)
           select id, source, chain, log_index, occurred_at from due on conflict do nothing`,
    values: [...keysOf(intents), size],
  })
}

/** The next rows behind one, in the order of their ids. */
export async function readOpenKeys(
  connection: Connection,
  { after, limit }: { after: IntentKey | undefined; limit: number },
): Promise<IntentKey[]> {
  const answer = await connection.query<{ source: string; id: string }>({
    name: 'read-open-keys',
    text: `select source, id from open_intents
            where $1::uuid is null or (id, source) > ($1, $2) order by id, source limit $3`,
    values: [after?.id ?? null, after?.source ?? '', limit],
  })
  return answer.rows
}

function keysOf(intents: readonly IntentKey[]): [string[], string[]] {
  return [intents.map(({ source }) => source), intents.map(({ id }) => id)]
}
