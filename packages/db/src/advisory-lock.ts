import { Client } from 'pg'
import type { Knex } from 'knex'
import { urlOf } from './db.ts'

// Two integers name a lock: this namespace, and the hash of a name.
const LOCK_NAMESPACE = 0x6d75

/**
 * Takes an advisory lock on a connection of its own, or nothing while another process has it. The
 * lock lives as long as the connection: with its process's death it is free. Without a name it is
 * the schema's. `onLost` is called when the connection ends, whoever ended it; ending it lets go.
 */
export async function tryAdvisoryLock(
  db: Knex,
  onLost: () => void,
  name?: string,
): Promise<Client | undefined> {
  const client = new Client({
    connectionString: urlOf(db),
    connectionTimeoutMillis: 2_000,
    statement_timeout: 10_000,
    keepAlive: true,
  })
  client.on('error', onLost)
  client.on('end', onLost)
  await client.connect()
  const answer = await client.query<{ held: boolean }>(
    'select pg_try_advisory_lock($1, hashtext(coalesce($2, current_schema()))) as held',
    [LOCK_NAMESPACE, name ?? null],
  )
  if (answer.rows[0]?.held === true) return client
  await client.end()
  return undefined
}
