import {
  UNATTENDED_MAX,
  type Drift,
  type DriftReport,
  type WorkState,
} from '@mumega/contracts/work'
import type { Knex } from '@mumega/db'

interface Asked {
  readonly tenantId: string
  readonly now: Date
  /** What was closed before does not count. */
  readonly since: Date
}

const WORK_OF = `
  select w.objective_id from work_items w
   where w.tenant_id = :tenantId and w.objective_id is not null`

// From when until when a version of an objective counted, and which its period's last day is: of
// a retirement the state alone. Superseding and being superseded are one transaction, and one time.
const countedOf = (objectives: string) => `
  counted as materialized (
    select c.objective_id, c.version, c.became, c.changed_at as since,
           lead(c.changed_at) over (partition by c.objective_id order by c.number) as until,
           (convert_from(v.content, 'UTF8')::json -> 'period' ->> 'from')::date as first_day,
           (convert_from(v.content, 'UTF8')::json -> 'period' ->> 'to')::date as last_day
      from objective_changes c
      join objective_versions v using (tenant_id, objective_id, version)
     where c.tenant_id = :tenantId and c.became in ('ratified', 'retired') ${objectives}),
  zone as materialized (
    select coalesce((select time_zone from progress_schedules where tenant_id = :tenantId), 'UTC')
           as name)`

/**
 * The work that fits a condition on `w`, as `judged` with its drift: of open work as of `:now`, of
 * ended work as of its end. A day is one of the tenant's, as its runs of progress have it.
 */
export function judgedWork(condition: string): string {
  return `
  with ${countedOf(`and c.objective_id in (${WORK_OF} and ${condition})`)},
  judged as (
    select w.*,
           case when w.objective_id is null then 'untied'
                when c.became is null then 'not-ratified'
                when c.became = 'retired' then 'retired'
                when (coalesce(w.closed_at, :now) at time zone zone.name)::date > c.last_day
                then 'over'
           end as drift
      from work_items w cross join zone
      left join counted c on c.objective_id = w.objective_id
       and c.since <= coalesce(w.closed_at, :now)
       and (c.until is null or c.until > coalesce(w.closed_at, :now))
     where w.tenant_id = :tenantId and ${condition})`
}

type Counted = DriftReport['open']

export async function countWork(
  trx: Knex.Transaction,
  asked: Asked,
): Promise<{ open: Counted; closed: Counted }> {
  const found = await trx.raw<{
    rows: { state: WorkState; drift: Drift | null; count: string }[]
  }>(
    `${judgedWork(`(w.state = 'open' or w.closed_at > :since)`)}
     select state, drift, count(*) from judged group by state, drift`,
    { ...asked },
  )
  const sum = (isOpen: boolean) => {
    const rows = found.rows.filter(({ state }) => (state === 'open') === isOpen)
    const countOf = (fits: (drift: Drift | null) => boolean) =>
      rows.reduce((all, { drift, count }) => all + (fits(drift) ? Number(count) : 0), 0)
    const of = (reason: Drift) => countOf((drift) => drift === reason)
    return {
      all: countOf(() => true),
      drifting: countOf((drift) => drift !== null),
      reasons: {
        ...{ untied: of('untied'), 'not-ratified': of('not-ratified') },
        ...{ retired: of('retired'), over: of('over') },
      },
    }
  }
  return { open: sum(true), closed: sum(false) }
}

/** The first of those for which nothing is done, and how many there are. */
export async function listUnattended(
  trx: Knex.Transaction,
  asked: Asked,
): Promise<{ objectives: DriftReport['unattended']; count: number }> {
  const found = await trx.raw<{
    rows: { objective_id: string; version: number; content: string; count: string }[]
  }>(
    `with recursive ${countedOf('')},
     newest as materialized (
       select c.objective_id, c.version, c.became, v.parent_id, c.first_day, c.last_day
         from counted c
         join objective_versions v on v.tenant_id = :tenantId
          and v.objective_id = c.objective_id and v.version = c.version
        where c.until is null),
     -- What is done for an objective is done for all above it, also where it has been retired since.
     attended as (
       select objective_id from work_items
        where tenant_id = :tenantId and objective_id is not null
          and (state = 'open' or state = 'done' and closed_at > :since)
       union
       select parent_id from attended join newest using (objective_id)
        where parent_id is not null)
     select c.objective_id, c.version, convert_from(v.content, 'UTF8') as content,
            count(*) over () as count
       from newest c cross join zone
       join objective_versions v on v.tenant_id = :tenantId
        and v.objective_id = c.objective_id and v.version = c.version
      where c.became = 'ratified'
        and (cast(:now as timestamptz) at time zone zone.name)::date
            between c.first_day and c.last_day
        and not exists (select from attended a where a.objective_id = c.objective_id)
      order by c.objective_id limit :limit`,
    { ...asked, limit: UNATTENDED_MAX },
  )
  const objectives = found.rows.map(({ objective_id: objectiveId, version, content }) => {
    // Canonical JSON of a checked content.
    const { title, owner, period } = JSON.parse(content) as DriftReport['unattended'][number]
    return { objectiveId, version, title, owner, period }
  })
  return { objectives, count: Number(found.rows[0]?.count ?? 0) }
}
