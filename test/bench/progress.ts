import { readFileSync } from 'node:fs'
import { Client } from 'pg'
import type { EngramSelector } from '@mumega/contracts/objective-content'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import type { Bench, Figure } from './figures.ts'
import { startGround } from './ground.ts'

const OBJECTIVES = 50
const EACH = 20
const KEY_RESULTS = OBJECTIVES * EACH
const ENGRAMS = 1_000_000
const KINDS = 100
/** Over which the engrams are spread. */
const DAYS = 60
/** Of the key results, by one statement each: all of them would take the rest of the hour. */
const BY_STATEMENT = 40
const RUN_MS_MAX = 600_000

/**
 * The daily run over 1,000 key results and 1,000,000 engrams: where each engram concerns ten key
 * results (`usual`), where each concerns all of them, in the same way (`all`), and where each
 * concerns nearly all of them, each of which looks back another number of days (`windows`). Beside
 * it the same figures by PostgreSQL, one statement for each key result. Memory is the highest that
 * the service ever had.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    const suite = await startTestSuite({ services: ['objectives'], onLine: log })
    const admin = new Client({
      connectionString: `${suite.database.adminUrl}?options=-csearch_path%3Dobjectives`,
    })
    try {
      await admin.connect()
      await admin.query('set session_replication_role = replica')
      await insertEngrams(admin)
      log(`${ENGRAMS} engrams are on record`)
      const figures: Figure[] = []
      for (const variant of VARIANTS) {
        figures.push(...(await measure({ suite, admin, log }, variant)))
      }
      return figures
    } finally {
      await admin.end()
      await suite.stop()
      await ground.stop()
    }
  },
}

const VARIANTS = ['usual', 'all', 'windows'] as const
type Variant = (typeof VARIANTS)[number]

interface Measured {
  readonly suite: TestSuite
  readonly admin: Client
  readonly log: (line: string) => void
}

async function measure({ suite, admin, log }: Measured, variant: Variant): Promise<Figure[]> {
  await admin.query('truncate objectives, progress_runs, progress_schedules cascade')
  await insertObjectives(admin, variant)
  const statementMs = await bySql(admin, variant)
  // Due at once, and only then.
  await admin.query(
    `insert into progress_schedules (tenant_id, time_zone, run_at, next_day, next_run_at)
     values ('acme', 'UTC', '00:00', current_date, current_date)`,
  )
  const run = await eventually(
    async () => {
      const { rows } = await admin.query<{ ms: number }>(
        `select extract(epoch from completed_at - begun_at)::float8 * 1000 as ms
           from progress_runs where state = 'done'`,
      )
      return rows[0]
    },
    { what: `the run of ${variant} is done`, timeoutMs: RUN_MS_MAX },
  )
  const memoryMb = highestMemoryMb(suite.pid('objectives'))
  await check(admin)
  log(JSON.stringify({ variant, ms: run.ms, statementMs, memoryMb }))
  const sqlSeconds = (statementMs * KEY_RESULTS) / BY_STATEMENT / 1_000
  const seconds = run.ms / 1_000
  return [
    {
      ...{ bench: 'progress', figure: 'run_s', variant, value: seconds, unit: 's' },
      ...{ against: 'sql', againstValue: sqlSeconds, valueMax: 60 },
    },
    {
      ...{ bench: 'progress', figure: 'memory_mb', variant, value: memoryMb, unit: 'MB' },
      valueMax: 512,
    },
  ]
}

async function insertEngrams(admin: Client): Promise<void> {
  await admin.query(
    `insert into engrams (tenant_id, engram_id, kind, body, measures, tags, tier, recorded_by,
            observed_at, recorded_at, nonce)
     select 'acme', gen_random_uuid(), 'kind-' || n % ${KINDS}, 'said',
            jsonb_build_object('amount', n % 1000 / 100.0), '{eu}', 'public', 'agent:kasra',
            at, at, repeat('n', 22)
       from generate_series(1, ${ENGRAMS}) n,
            lateral (select now() - interval '${DAYS} days' + n * interval '5 seconds' as at) t`,
  )
  await admin.query('vacuum analyze engrams')
}

function selectorOf(variant: Variant, nth: number): EngramSelector {
  if (variant === 'usual') return { kinds: [kindOf(nth)] }
  return variant === 'all' ? {} : { windowDays: windowOf(nth) }
}

const windowOf = (nth: number) => nth + 1

const kindOf = (nth: number) => `kind-${nth % KINDS}`

async function insertObjectives(admin: Client, variant: Variant): Promise<void> {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
  const kinds = ['count', 'sum', 'latest', 'average'] as const
  for (let nth = 0; nth < OBJECTIVES; nth += 1) {
    const keyResults = Array.from({ length: EACH }, (_, one) => {
      const number = nth * EACH + one
      const kind = kinds[number % kinds.length] as (typeof kinds)[number]
      const of = selectorOf(variant, number)
      return {
        ...{ keyResultId: `kr-${one}`, title: 'A figure', unit: 'pieces' },
        ...{ baseline: 0, target: 1_000_000, direction: 'increase' },
        formula: { kind, of, ...(kind !== 'count' && { measure: 'amount' }) },
      }
    })
    const period = { from: day(-70), to: day(30) }
    const content = JSON.stringify({ title: 'Figures', owner: 'kasra', period, keyResults })
    await admin.query(
      `with made as (
         insert into objectives (tenant_id, objective_id) values ('acme', gen_random_uuid())
         returning objective_id),
       version as (
         insert into objective_versions
           (tenant_id, objective_id, version, state, content, owner, tags, created_at, created_by)
         select 'acme', objective_id, 1, 'ratified', $1, 'kasra', '{}', now(), 'agent:kasra' from made),
       ratified as (
         insert into ratifications (tenant_id, objective_id, version, decision, principal_id,
                key_number, note, decided_at)
         select 'acme', objective_id, 1, 'ratify', 'agent.athena', 1, 'said', now() - interval '60 days'
           from made)
       insert into key_results (tenant_id, objective_id, version, key_result_id, definition)
       select 'acme', objective_id, 1, k ->> 'keyResultId', k::text
         from made, json_array_elements($2::json) k`,
      [Buffer.from(content), JSON.stringify(keyResults)],
    )
  }
}

/** Milliseconds that PostgreSQL takes for BY_STATEMENT of them, one after the other. */
async function bySql(admin: Client, variant: Variant): Promise<number> {
  const startedAt = performance.now()
  for (let nth = 0; nth < BY_STATEMENT; nth += 1) {
    await admin.query(
      `select count(*), sum((measures ->> 'amount')::numeric), max(observed_at) from engrams
        where tenant_id = 'acme' and ($1::text is null or kind = $1)
          and observed_at >= current_date - $2::integer and observed_at < current_date`,
      [variant === 'usual' ? kindOf(nth) : null, variant === 'windows' ? windowOf(nth) : 70],
    )
  }
  return performance.now() - startedAt
}

/** A figure of something wrong says nothing. */
async function check(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ values: string; wrong: string }>(
    `with expected as materialized (
       select kind, observed_at::date as day, count(*) as count,
              sum((measures ->> 'amount')::numeric) as sum
         from engrams where observed_at < current_date group by kind, day)
     select count(*) as values,
            count(*) filter (where abs(p.value - e.value) > 1e-6 or p.engrams <> e.count) as wrong
       from progress p
       join key_results k using (tenant_id, objective_id, version, key_result_id)
       cross join lateral (select k.definition::json -> 'formula' as f) f
       cross join lateral (
         select sum(count) as count,
                case f.f ->> 'kind' when 'count' then sum(count) when 'sum' then sum(sum)
                     when 'average' then sum(sum) / sum(count) else p.value end as value
           from expected x
          where (f.f #> '{of,kinds}' is null or x.kind = f.f #>> '{of,kinds,0}')
            and x.day >= current_date - coalesce(f.f #>> '{of,windowDays}', '70')::integer) e`,
  )
  const [found] = rows
  if (Number(found?.values) !== KEY_RESULTS || found?.wrong !== '0') {
    throw new Error(`of ${found?.values} values ${found?.wrong} are wrong`)
  }
}

function highestMemoryMb(pid: number): number {
  const [, kib = '0'] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1_024
}
