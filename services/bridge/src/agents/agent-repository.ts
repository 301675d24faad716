import { RUNS_OPEN_MAX, type Agent } from '@mumega/contracts/bridge'
import type { Knex } from '@mumega/db'
import { UNSETTLED } from '../deliveries/delivery-repository.ts'
import { recordWork } from '../deliveries/settlement-repository.ts'
import type { Signs } from './presence.ts'

interface AgentRow {
  tenant_id: string
  name: string
  registered_at: Date
  last_seen_at: Date | null
  last_work_at: Date | null
  last_run_id: string | null
  last_run_outcome: 'success' | 'fail' | null
  last_run_ended_at: Date | null
  last_run_ms: string | null
  open_runs: string
  newest_start_at: Date | null
  unread: string
  oldest_unread_at: Date | null
}

// How many are remembered: a start that comes after its end is seconds late.
const ENDED_RUNS_MAX = 200

/** An agent as it is on record; what its presence is follows from it and from the time. */
export interface AgentRecord {
  agent: Omit<Agent, 'presence'>
  signs: Signs
}

/** Names one agent of one tenant. */
export interface AgentKey {
  tenantId: string
  name: string
}

const SELECT_AGENTS = `
  select a.tenant_id, a.name, a.registered_at, p.last_seen_at, s.last_work_at, p.last_run_id,
         p.last_run_outcome, p.last_run_ended_at, p.last_run_ms, r.open_runs, r.newest_start_at,
         i.last_position - s.settled as unread, m.sent_at as oldest_unread_at
    from agents a
    join inboxes i on i.tenant_id = a.tenant_id and i.agent = a.name
    cross join lateral (
      select coalesce(sum(settled), 0) as settled, max(last_work_at) as last_work_at
        from settlements s
       where s.tenant_id = a.tenant_id and s.agent = a.name) s
    left join presence p on p.tenant_id = a.tenant_id and p.agent = a.name
    cross join lateral (
      select count(*) as open_runs, max(started_at) as newest_start_at from runs r
       where r.tenant_id = a.tenant_id and r.agent = a.name and r.ended_at is null) r
    left join lateral (
      select d.message_id from deliveries d
       where d.tenant_id = a.tenant_id and d.recipient = a.name and ${UNSETTLED}
       order by d.position limit 1) d on true
    left join messages m on m.tenant_id = a.tenant_id and m.message_id = d.message_id`

/**
 * Adds an agent with an empty inbox. False when it is there already, also by another transaction
 * just now.
 */
export async function insertAgent(
  trx: Knex.Transaction,
  { tenantId, name, registeredAt }: AgentKey & { registeredAt: Date },
): Promise<boolean> {
  const inserted = await trx.raw<{ rowCount: number }>(
    `insert into agents (tenant_id, name, registered_at) values (?, ?, ?) on conflict do nothing`,
    [tenantId, name, registeredAt],
  )
  if (inserted.rowCount === 0) return false
  await trx('inboxes').insert({ tenant_id: tenantId, agent: name })
  return true
}

export async function findAgent(
  trx: Knex.Transaction,
  { tenantId, name }: AgentKey,
): Promise<AgentRecord | undefined> {
  const found = await trx.raw<{ rows: AgentRow[] }>(
    `${SELECT_AGENTS} where a.tenant_id = ? and a.name = ?`,
    [tenantId, name],
  )
  return found.rows.map(recordOf)[0]
}

/** Sorted by name, from the first one after `after`. */
export async function listAgentsAfter(
  trx: Knex.Transaction,
  page: { tenantId: string; after: string; limit: number },
): Promise<AgentRecord[]> {
  const found = await trx.raw<{ rows: AgentRow[] }>(
    `${SELECT_AGENTS} where a.tenant_id = ? and a.name > ? order by a.name limit ?`,
    [page.tenantId, page.after, page.limit],
  )
  return found.rows.map(recordOf)
}

/** Which of these names are agents of the tenant. */
export async function findNames(
  trx: Knex.Transaction,
  { tenantId, names }: { tenantId: string; names: string[] },
): Promise<Set<string>> {
  const rows = await trx<{ tenant_id: string; name: string }>('agents')
    .select('name')
    .where({ tenant_id: tenantId })
    .whereIn('name', names)
  return new Set(rows.map((row) => row.name))
}

/**
 * Never moves `last_seen_at` back: two bridges' clocks may differ, and requests overtake each
 * other.
 */
export async function upsertPresence(
  trx: Knex.Transaction,
  presence: AgentKey & { status: string; note: string | undefined; lastSeenAt: Date },
): Promise<void> {
  await trx.raw(
    `insert into presence (tenant_id, agent, status, note, last_seen_at) values (?, ?, ?, ?, ?)
     on conflict (tenant_id, agent) do update
       set status = excluded.status, note = excluded.note, last_seen_at = excluded.last_seen_at
     where presence.last_seen_at <= excluded.last_seen_at`,
    [presence.tenantId, presence.name, presence.status, presence.note ?? null, presence.lastSeenAt],
  )
}

/** An end of work, by which a run is over, also one whose start is heard of later. */
export async function updateLastRun(
  trx: Knex.Transaction,
  run: AgentKey & { runId: string; outcome: 'success' | 'fail'; endedAt: Date; startedAfter: Date },
): Promise<void> {
  const { tenantId, name, runId, outcome, endedAt } = run
  await trx.raw(
    `with known as (
       select started_at, coalesce(ended_at, ?) as ended_at from runs
        where tenant_id = ? and agent = ? and run_id = ? and started_at > ?),
     ended as (
       insert into runs (tenant_id, agent, run_id, ended_at) values (?, ?, ?, ?)
       on conflict (tenant_id, agent, run_id) do update
          set ended_at = coalesce(runs.ended_at, excluded.ended_at))
     update presence
        set last_run_id = ?, last_run_outcome = ?, last_run_ended_at = ?,
            last_run_ms = (
              select greatest(0, extract(epoch from ended_at - started_at) * 1000)::bigint
                from known)
      where tenant_id = ? and agent = ?
        and (last_run_ended_at is null or last_run_ended_at <= ?)`,
    [
      ...[endedAt, tenantId, name, runId, run.startedAfter],
      ...[tenantId, name, runId, endedAt],
      ...[runId, outcome, endedAt, tenantId, name, endedAt],
    ],
  )
  await trx.raw(
    `delete from runs where tenant_id = ? and agent = ? and ended_at <=
       (select ended_at from runs where tenant_id = ? and agent = ? and ended_at is not null
         order by ended_at desc offset ? limit 1)`,
    [tenantId, name, tenantId, name, ENDED_RUNS_MAX],
  )
  if (outcome === 'fail') return
  await recordWork(trx, { tenantId, agent: name, at: endedAt })
}

/**
 * Opens a run, once, unless it has ended. False when the agent has as many open as it may. Those
 * that began before `startedAfter` are over: nobody will end them any more.
 */
export async function insertRun(
  trx: Knex.Transaction,
  run: AgentKey & { runId: string; startedAt: Date; startedAfter: Date },
): Promise<boolean> {
  const { tenantId, name, runId } = run
  const key = { tenant_id: tenantId, agent: name }
  await trx('runs').where(key).where('started_at', '<=', run.startedAfter).delete()
  const inserted = await trx.raw<{ rowCount: number }>(
    `insert into runs (tenant_id, agent, run_id, started_at)
     select ?, ?, ?, ?
      where (select count(*) from runs where tenant_id = ? and agent = ? and run_id <> ?
                and ended_at is null) < ?
     on conflict do nothing`,
    [tenantId, name, runId, run.startedAt, tenantId, name, runId, RUNS_OPEN_MAX],
  )
  if (inserted.rowCount === 1) return true
  return (
    (await trx('runs')
      .where({ ...key, run_id: runId })
      .first()) !== undefined
  )
}

function recordOf(row: AgentRow): AgentRecord {
  const { last_run_id: runId, last_run_outcome: outcome, last_run_ended_at: endedAt } = row
  const hasRun = runId !== null && outcome !== null && endedAt !== null
  return {
    agent: {
      tenantId: row.tenant_id,
      name: row.name,
      registeredAt: row.registered_at.toISOString(),
      ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at.toISOString() }),
      ...(row.last_work_at === null ? {} : { lastWorkAt: row.last_work_at.toISOString() }),
      openRuns: Number(row.open_runs),
      ...(hasRun
        ? {
            lastRun: {
              runId,
              outcome,
              endedAt: endedAt.toISOString(),
              ...(row.last_run_ms === null ? {} : { durationMs: Number(row.last_run_ms) }),
            },
          }
        : {}),
      unread: Number(row.unread),
      ...(row.oldest_unread_at === null
        ? {}
        : { oldestUnreadAt: row.oldest_unread_at.toISOString() }),
    },
    signs: {
      registeredAt: row.registered_at,
      seenAt: row.last_seen_at ?? undefined,
      workedAt: row.last_work_at ?? undefined,
      startedAt: row.newest_start_at ?? undefined,
      unreadSince: row.oldest_unread_at ?? undefined,
    },
  }
}
