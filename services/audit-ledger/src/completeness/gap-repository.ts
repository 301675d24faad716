import type { Knex } from '@mumega/db'

/** Numbers of a producer that are not in the log, though a later one is: both ends inclusive. */
export interface Gap {
  readonly source: string
  readonly first: number
  readonly last: number
}

/** A producer's gaps, oldest first, and how many numbers are no longer told one by one. */
export interface SourceGaps {
  readonly source: string
  readonly gaps: readonly Gap[]
  readonly givenUp: number
  /** Absent while each number was given once. */
  readonly reuse?: Reuse
}

/** Intents that came with a number that an earlier one of their producer had. */
export interface Reuse {
  readonly count: number
  /** The first of them, and where it is in the log. */
  readonly number: number
  readonly index: number
}

interface SourceRow {
  source: string
  given_up: string
  reused: string
  reused_number: string | null
  reused_index: string | null
  first: string[] | null
  last: string[] | null
}

/** Of one producer; what lies behind so many is given up. */
export const GAPS_MAX = 1_000

/** Reads what is missing of each producer's numbers, which begin with 1, and what came twice. */
export async function readGaps(db: Knex): Promise<SourceGaps[]> {
  const { rows } = await db.raw<{ rows: SourceRow[] }>(
    `select source, given_up, reused, reused_number, reused_index, missing.first, missing.last from source_numbers
       left join lateral (
         select array_agg(lower(gap) order by gap) as first,
                array_agg(upper(gap) - 1 order by gap) as last
           from (select gap from unnest(int8multirange(int8range(1, upper(seen))) - seen) as gap
                  order by gap limit ?) shown) missing on true
      order by source`,
    [GAPS_MAX + 1],
  )
  return rows.map(({ source, given_up, reused, reused_number, reused_index, first, last }) => ({
    source,
    givenUp: Number(given_up),
    ...(Number(reused) > 0 && {
      reuse: {
        count: Number(reused),
        number: Number(reused_number),
        index: Number(reused_index),
      },
    }),
    gaps: (first ?? []).map((number, nth) => ({
      source,
      first: Number(number),
      last: Number(last?.[nth]),
    })),
  }))
}

/**
 * Stops telling one by one what is missing of this producer from `first` on: whoever leaves out
 * every second number must not make each look longer than the last. How many they were is kept.
 */
export async function giveUpGaps(
  db: Knex,
  { source, first }: Pick<Gap, 'source' | 'first'>,
): Promise<void> {
  await db.raw(
    givingUp(
      `select source as name, int8range(?::bigint, upper(seen)) as behind
         from source_numbers where source = ?`,
    ),
    [first, source],
  )
}

/** The statement that gives up what is missing in the ranges `behind` of the producers `name`. */
export function givingUp(behind: string): string {
  return `update source_numbers
     set seen = seen + int8multirange(behind),
         given_up_range = range_merge(given_up_range, behind), given_up = given_up + (
           select coalesce(sum(upper(gap) - lower(gap)), 0)
             from unnest(int8multirange(behind) - seen) as gap)
    from (${behind}) cut
   where source = cut.name`
}
