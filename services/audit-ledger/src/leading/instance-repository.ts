import type { Connection } from '../connection.ts'
import type { Instance } from './instance.ts'

/** One thing in which two running ledgers differ. */
export interface Drift {
  readonly otherId: string
  readonly what: 'version' | 'configuration hash' | 'schema version'
  readonly own: string
  readonly other: string
}

/** The ledgers that run beside this one. */
export interface Others {
  readonly drift: readonly Drift[]
  /** Whether one of them could lead. */
  readonly areFit: boolean
}

// One that has not been seen for longer is not running.
const SEEN_SECONDS = 5
const FORGOTTEN_HOURS = 24
const OTHERS_MAX = 20

/** Says that this instance runs; forgets those that have not for a day. */
export async function announceInstance(
  connection: Connection,
  instance: Instance,
  { isFit }: { isFit: boolean },
): Promise<void> {
  await connection.query({
    name: 'announce-instance',
    text: `
      with forgotten as (
        delete from ledger_instances
         where seen_at < clock_timestamp() - ${FORGOTTEN_HOURS} * interval '1 hour')
      insert into ledger_instances
        (instance_id, version, config_hash, schema_version, is_fit)
      values ($1, $2, $3, $4, $5)
      on conflict (instance_id) do update set seen_at = clock_timestamp(), is_fit = $5`,
    values: [
      ...[instance.instanceId, instance.version, instance.configHash, instance.schemaVersion],
      isFit,
    ],
  })
}

export async function forgetInstance(connection: Connection, instanceId: string): Promise<void> {
  await connection.query({
    text: 'delete from ledger_instances where instance_id = $1',
    values: [instanceId],
  })
}

/** Looks at the 20 other running instances that were seen last. */
export async function findOthers(connection: Connection, instance: Instance): Promise<Others> {
  const answer = await connection.query<{
    instance_id: string
    version: string
    config_hash: string
    schema_version: string
    is_fit: boolean | null
  }>({
    name: 'find-others',
    text: `select instance_id, version, config_hash, schema_version, is_fit
             from ledger_instances
            where instance_id <> $1
              and seen_at between clock_timestamp() - ${SEEN_SECONDS} * interval '1 second'
                              and clock_timestamp() + ${SEEN_SECONDS} * interval '1 second'
            order by seen_at desc, instance_id limit ${OTHERS_MAX}`,
    values: [instance.instanceId],
  })
  const drift = answer.rows.flatMap((row) => {
    const otherId = row.instance_id
    const all: Drift[] = [
      { otherId, what: 'version', own: instance.version, other: row.version },
      { otherId, what: 'configuration hash', own: instance.configHash, other: row.config_hash },
      { otherId, what: 'schema version', own: instance.schemaVersion, other: row.schema_version },
    ]
    return all.filter(({ own, other }) => own !== other)
  })
  return { drift, areFit: answer.rows.some((row) => row.is_fit === true) }
}
