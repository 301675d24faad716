import type { Knex } from '@mumega/db'
import type { Agent } from '@mumega/contracts/bridge'

interface AgentRow {
  tenant_id: string
  name: string
  registered_at: Date
  last_seen_at: Date | null
  unread: string
}

/** Names one agent of one tenant. */
export interface AgentKey {
  tenantId: string
  name: string
}

const SELECT_AGENTS = `
  select a.tenant_id, a.name, a.registered_at, p.last_seen_at,
         i.last_position - i.settled as unread
    from agents a
    join inboxes i on i.tenant_id = a.tenant_id and i.agent = a.name
    left join presence p on p.tenant_id = a.tenant_id and p.agent = a.name`

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
): Promise<Agent | undefined> {
  const found = await trx.raw<{ rows: AgentRow[] }>(
    `${SELECT_AGENTS} where a.tenant_id = ? and a.name = ?`,
    [tenantId, name],
  )
  return found.rows.map(agentOf)[0]
}

/** Sorted by name, from the first one after `after`. */
export async function listAgentsAfter(
  trx: Knex.Transaction,
  page: { tenantId: string; after: string; limit: number },
): Promise<Agent[]> {
  const found = await trx.raw<{ rows: AgentRow[] }>(
    `${SELECT_AGENTS} where a.tenant_id = ? and a.name > ? order by a.name limit ?`,
    [page.tenantId, page.after, page.limit],
  )
  return found.rows.map(agentOf)
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

function agentOf(row: AgentRow): Agent {
  return {
    tenantId: row.tenant_id,
    name: row.name,
    registeredAt: row.registered_at.toISOString(),
    ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at.toISOString() }),
    unread: Number(row.unread),
  }
}
