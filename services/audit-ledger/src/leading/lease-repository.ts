import type { Connection } from '../connection.ts'

/** What the row of the head says of its leader. */
export interface LeaseRow {
  readonly epoch: number
  /** Absent when the lease was given back. */
  readonly leader?: string
  /** Another text after each renewal; only good for comparing. */
  readonly renewal: string
  readonly isExpired: boolean
  /** The length of the lease that is held. */
  readonly leaseMs: number
  /** The newest migration that the database has seen. */
  readonly schemaVersion: string
}

export async function readLease(connection: Connection): Promise<LeaseRow> {
  const answer = await connection.query<{
    epoch: string
    leader: string | null
    renewal: string
    is_expired: boolean
    lease_ms: number
    schema_version: string | null
  }>({
    name: 'read-lease',
    text: `select epoch, leader, lease_expires_at::text as renewal,
                  lease_expires_at <= clock_timestamp() as is_expired, lease_ms,
                  (select max(name) from schema_migrations where name not like 'base/%')
                    as schema_version
             from log_head`,
  })
  const row = answer.rows[0]
  if (row === undefined) throw new Error('log_head has no row')
  return {
    epoch: Number(row.epoch),
    ...(row.leader !== null && { leader: row.leader }),
    renewal: row.renewal,
    isExpired: row.is_expired,
    leaseMs: row.lease_ms,
    schemaVersion: row.schema_version ?? 'none',
  }
}

/** Takes the lease as it was seen, under the next epoch. False when it has moved since. */
export async function takeLease(
  connection: Connection,
  taken: { leader: string; leaseMs: number; seen: LeaseRow },
): Promise<boolean> {
  const { leader, leaseMs, seen } = taken
  const answer = await connection.query({
    name: 'take-lease',
    text: `update log_head
              set epoch = epoch + 1, leader = $1, lease_ms = $2,
                  lease_expires_at = clock_timestamp() + $2::int * interval '1 ms'
            where epoch = $3 and lease_expires_at::text = $4`,
    values: [leader, leaseMs, seen.epoch, seen.renewal],
  })
  return answer.rowCount === 1
}

/** False when somebody else has taken it. */
export async function renewLease(
  connection: Connection,
  held: { leader: string; leaseMs: number; epoch: number },
): Promise<boolean> {
  const answer = await connection.query({
    name: 'renew-lease',
    text: `update log_head set lease_expires_at = clock_timestamp() + $2 * interval '1 ms'
            where leader = $1 and epoch = $3`,
    values: [held.leader, held.leaseMs, held.epoch],
  })
  return answer.rowCount === 1
}

/** Gives it back, unless somebody else has taken it. */
export async function releaseLease(
  connection: Connection,
  held: { leader: string; epoch: number },
): Promise<void> {
  await connection.query({
    text: `update log_head set leader = null, lease_expires_at = '-infinity'
            where leader = $1 and epoch = $2`,
    values: [held.leader, held.epoch],
  })
}

/**
 * Ends what a former leader still has open in the database. One that stands still, or whose machine
 * is gone, would keep its locks until the server notices, which may take hours.
 */
export async function endSessionsOf(connection: Connection, instanceId: string): Promise<void> {
  await connection.query({
    text: `select pg_terminate_backend(pid) from pg_stat_activity
            where usename = current_user and application_name = $1`,
    values: [sessionName(instanceId)],
  })
}

/** By which name the sessions of one ledger are told from another's. */
export function sessionName(instanceId: string): string {
  return `audit-ledger ${instanceId}`
}
