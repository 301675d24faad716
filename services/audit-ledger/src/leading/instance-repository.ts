import type { Connection } from '../connection.ts'
import type { Instance } from './instance.ts'

/** One thing in which two running ledgers differ. */
export interface Drift {
  readonly otherId: string
  readonly what: 'version' | 'configuration hash' | 'schema version'
  readonly own: string
  readonly other: string
}

// One that has not been seen for longer is not running.
const SEEN_SECONDS = 5
const FORGOTTEN_HOURS = 24
const OTHERS_MAX = 20

/** Says that this instance runs; forgets those that have not for a day. */
export async function announceInstance(connection: Connection, instance: Instance): Promise<void> {
  await connection.query({
    name: 'announce-instance',
    text: `
      with forgotten as (
        delete from ledger_instances
         where seen_at < clock_timestamp() - ${FORGOTTEN_HOURS} * interval '1 hour')
      insert into ledger_instances (instance_id, version, config_hash, schema_version)
      values ($1, $2, $3, $4)
      on conflict (instance_id) do update set seen_at = clock_timestamp()`,
    values: [instance.instanceId, instance.version, instance.configHash, instance.schemaVersion],
  })
}

export async function forgetInstance(connection: Connection, instanceId: string): Promise<void> {
  await connection.query({
    text: 'delete from ledger_instances where instance_id = $1',
    values: [instanceId],
  })
}

/** Compares with the 20 other running instances that were seen last. */
export async function findDrift(connection: Connection, instance: Instance): Promise<Drift[]> {
  const answer = await connection.query<{
    instance_id: string
    version: string
    config_hash: string
    schema_version: string
  }>({
    name: 'find-drift',
    text: `select instance_id, version, config_hash, schema_version from ledger_instances
            where instance_id <> $1
              and seen_at between clock_timestamp() - ${SEEN_SECONDS} * interval '1 second'
                              and clock_timestamp() + ${SEEN_SECONDS} * interval '1 second'
            order by seen_at desc, instance_id limit ${OTHERS_MAX}`,
    values: [instance.instanceId],
  })
  return answer.rows.flatMap((row) => {
    const otherId = row.instance_id
    const all: Drift[] = [
      { otherId, what: 'version', own: instance.version, other: row.version },
      { otherId, what: 'configuration hash', own: instance.configHash, other: row.config_hash },
      { otherId, what: 'schema version', own: instance.schemaVersion, other: row.schema_version },
    ]
    return all.filter(({ own, other }) => own !== other)
  })
}
