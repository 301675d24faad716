import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { Client } from 'pg'
import { AppError } from '@mumega/errors'

export interface ServiceDatabase {
  service: string
  /** The folder of its `NNNN_verb_noun.sql` files. */
  migrationsDir: string
  /** Of its login role; where it is absent, that role exists and stays as it is. */
  password?: string
}

interface Migration {
  name: string
  sql: string
  hash: string
}

const BASE_DIR = fileURLToPath(new URL('../../base', import.meta.url))
const FILE_NAME = /^[0-9]{4}_[a-z0-9_]+\.sql$/
const LOCK = 0x6d756d67
// Roles belong to the whole cluster: another database's migration may change the same one at the
// same moment.
const ROLE_ATTEMPTS_MAX = 20
const ROLE_RACE_CODES = new Set(['42710', '23505', 'XX000', '55P03'])

/**
 * Brings the schema of each service up to date: roles, grants, the tables that every service has,
 * then its own migrations, each in a transaction and recorded with its hash. Safe to run twice, and
 * by two processes at once.
 *
 * @param adminUrl of a role that may create roles and schemas
 * @throws db.migration-edited, db.migration-failed (naming the file; its transaction was rolled
 * back)
 */
export async function migrate(adminUrl: string, services: ServiceDatabase[]): Promise<void> {
  const client = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    // Tells a service's own guard that what follows is meant.
    await client.query(`set mumega.migrating = 'on'`)
    await client.query('revoke create on schema public from public')
    for (const service of services) {
      await prepareSchema(client, service)
      await applyMigrations(client, service)
    }
  } finally {
    await client.end()
  }
}

/** The schema of a service: its name with underscores. */
export function schemaOf(service: string): string {
  return service.replaceAll('-', '_')
}

/** The login role of a service. */
export function roleOf(service: string): string {
  return `mumega_${schemaOf(service)}`
}

/** The URL with which a service itself connects. */
export function serviceUrl(adminUrl: string, service: string, password: string): string {
  const url = new URL(adminUrl)
  url.username = roleOf(service)
  url.password = encodeURIComponent(password)
  return url.href
}

async function prepareSchema(
  client: Client,
  { service, password }: ServiceDatabase,
): Promise<void> {
  const schema = schemaOf(service)
  const role = roleOf(service)
  const owner = `${role}_owner`
  await changeRole(client, owner, { create: `create role ${owner} nologin` })
  if (password !== undefined) {
    const login = `login noinherit password ${client.escapeLiteral(password)}`
    await changeRole(client, role, {
      create: `create role ${role} ${login}`,
      alter: `alter role ${role} ${login}`,
    })
  }
  const database = client.escapeIdentifier(await currentDatabase(client))
  // The owner's tables are changed by migrations only, which act as the owner; nobody logs in as
  // it.
  await retryRoleRace(() => client.query(`grant ${owner} to current_user`))
  await client.query(`create schema if not exists ${schema} authorization ${owner}`)
  await client.query(`grant usage on schema ${schema} to ${role}`)
  await retryRoleRace(() => client.query(`grant connect on database ${database} to ${role}`))
  await retryRoleRace(() =>
    client.query(`alter role ${role} in database ${database} set search_path = ${schema}`),
  )
}

async function applyMigrations(client: Client, database: ServiceDatabase): Promise<void> {
  const schema = schemaOf(database.service)
  const role = roleOf(database.service)
  await inTransaction(client, schema, async () => {
    await client.query(`create table if not exists schema_migrations (
      name text primary key, hash text not null, applied_at timestamptz not null default now())`)
    await client.query(`grant select on schema_migrations to ${role}`)
  })
  const applied = await client.query<{ name: string; hash: string }>(
    `select name, hash from ${schema}.schema_migrations`,
  )
  const hashes = new Map(applied.rows.map((row) => [row.name, row.hash]))
  const base = readMigrations(BASE_DIR, 'base/')
  const own = readMigrations(database.migrationsDir, '')
  for (const migration of [...base, ...own]) {
    const hash = hashes.get(migration.name)
    if (hash === migration.hash) continue
    if (hash !== undefined) throw migrationEdited(database.service, migration.name)
    await apply(client, schema, migration)
  }
  await inTransaction(client, schema, () => grantBaseTables(client, role))
}

async function apply(client: Client, schema: string, migration: Migration): Promise<void> {
  try {
    await inTransaction(client, schema, async () => {
      await client.query(migration.sql)
      await client.query('insert into schema_migrations (name, hash) values ($1, $2)', [
        migration.name,
        migration.hash,
      ])
    })
  } catch (error) {
    const message = `Migration ${schema}/${migration.name} failed and was rolled back.`
    throw new AppError('db.migration-failed', 'bug', message, { cause: error })
  }
}

async function grantBaseTables(client: Client, role: string): Promise<void> {
  await client.query(`grant select, insert, update (number), delete on outbox to ${role}`)
  await client.query(`grant select, update (last_number) on outbox_counter to ${role}`)
  await client.query(
    `grant select, insert, update (reply), delete on processed_requests to ${role}`,
  )
}

function readMigrations(folder: string, prefix: string): Migration[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      if (!FILE_NAME.test(name)) throw new Error(`${name} is not named NNNN_verb_noun.sql`)
      const sql = readFileSync(join(folder, name), 'utf8')
      const hash = createHash('sha256').update(sql).digest('hex')
      return { name: prefix + name, sql, hash }
    })
}

async function inTransaction(
  client: Client,
  schema: string,
  run: () => Promise<unknown>,
): Promise<void> {
  await client.query('begin')
  try {
    await client.query(`set local role mumega_${schema}_owner`)
    await client.query(`set local search_path = ${schema}`)
    await run()
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

async function changeRole(
  client: Client,
  role: string,
  { create, alter }: { create: string; alter?: string },
): Promise<void> {
  await retryRoleRace(async () => {
    const found = await client.query('select from pg_roles where rolname = $1', [role])
    if (found.rowCount === 0) await client.query(create)
    else if (alter !== undefined) await client.query(alter)
  })
}

async function retryRoleRace(run: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run()
      return
    } catch (error) {
      const code = types.isNativeError(error) && 'code' in error ? String(error.code) : ''
      if (!ROLE_RACE_CODES.has(code) || attempt === ROLE_ATTEMPTS_MAX) throw error
    }
  }
}

async function currentDatabase(client: Client): Promise<string> {
  const answer = await client.query<{ name: string }>('select current_database() as name')
  const name = answer.rows[0]?.name
  if (name === undefined) throw new Error('current_database() gave no row')
  return name
}

function migrationEdited(service: string, name: string): AppError {
  return new AppError(
    'db.migration-edited',
    'conflict',
    `Migration ${name} of ${service} was changed after it was applied. Restore it; add a new one.`,
  )
}
