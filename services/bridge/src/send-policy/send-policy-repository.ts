import type { SendEffect, SendRule } from '@mumega/contracts/send-policy'
import type { Knex } from '@mumega/db'
import { takeLock } from '@mumega/db/named-lock'
import { prepared } from '@mumega/db/prepared'
import { EVERYBODY_TO_EVERYBODY } from './send-policy.ts'

/** A tenant's policy as it is on record; of version 0 where none was set. */
export interface StoredPolicy {
  version: number
  default: SendEffect
  rules: SendRule[]
  setAt?: Date
}

interface PolicyRow {
  version: number
  fallback: SendEffect
  rules: SendRule[]
  set_at: Date
}

/**
 * Which of these names are agents of the tenant. From here until `trx` ends the tenant's policy
 * stays as it is; read it by a statement after this one, which sees what was set while this waited.
 * Taken before any inbox is locked. One statement, because every message pays for each.
 */
export async function findParties(
  trx: Knex.Transaction,
  { tenantId, names }: { tenantId: string; names: string[] },
): Promise<Set<string>> {
  const found = await prepared<{ name: string }>(
    trx,
    `with held as materialized (select pg_advisory_xact_lock_shared(hashtextextended(?, 0)))
     select a.name from held, agents a where a.tenant_id = ? and a.name = any(?)`,
    [lockName(tenantId), tenantId, names],
  )
  return new Set(found.rows.map(({ name }) => name))
}

/** Waits for the messages that were judged by the policy; later ones wait until `trx` ends. */
export async function lockSendPolicy(trx: Knex.Transaction, tenantId: string): Promise<void> {
  await takeLock(trx, lockName(tenantId))
}

export async function getSendPolicy(
  trx: Knex.Transaction,
  tenantId: string,
): Promise<StoredPolicy> {
  const found = await prepared<PolicyRow>(
    trx,
    'select version, fallback, rules, set_at from send_policies where tenant_id = ?',
    [tenantId],
  )
  const [row] = found.rows
  if (row === undefined) return { version: 0, ...EVERYBODY_TO_EVERYBODY }
  const { version, fallback, rules, set_at: setAt } = row
  return { version, default: fallback, rules, setAt }
}

/** Needs `lockSendPolicy`. */
export async function upsertSendPolicy(
  trx: Knex.Transaction,
  policy: Required<StoredPolicy> & { tenantId: string },
): Promise<void> {
  await trx.raw(
    `insert into send_policies (tenant_id, version, fallback, rules, set_at)
     values (?, ?, ?, ?, ?)
     on conflict (tenant_id) do update
        set version = excluded.version, fallback = excluded.fallback, rules = excluded.rules,
            set_at = excluded.set_at`,
    [policy.tenantId, policy.version, policy.default, JSON.stringify(policy.rules), policy.setAt],
  )
}

function lockName(tenantId: string): string {
  return `send-policy/${tenantId}`
}
