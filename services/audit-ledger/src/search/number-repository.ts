import { GAPS_MAX, givingUp } from '../completeness/gap-repository.ts'
import type { Connection } from '../connection.ts'

/** Of one producer's numbers; each slice reads and writes all that there are. */
export const RANGES_MAX = 4 * GAPS_MAX

/**
 * Gives up what is missing behind the first `GAPS_MAX` gaps of each producer whose numbers are in
 * too many ranges. Here and not where gaps are told, which waits for the projection: what the
 * projection itself grows must not slow it down until nothing moves.
 */
export async function boundNumbers(connection: Connection): Promise<void> {
  await connection.query({
    name: 'bound-numbers',
    text: givingUp(
      `select source as name, int8range(beyond.first, upper(seen)) as behind
         from source_numbers cross join lateral (
              select lower(gap) as first
                from unnest(int8multirange(int8range(1, upper(seen))) - seen) as gap
               order by gap offset $1 limit 1) beyond
        where (select count(*) from unnest(seen)) > $2`,
    ),
    values: [GAPS_MAX, RANGES_MAX],
  })
}
