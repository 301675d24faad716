import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Client } from 'pg'
import { openDatabase, type Knex } from '@mumega/db'
import { migrate, serviceUrl, type ServiceDatabase } from '@mumega/db/migrate'
import { postgresUrl, providedPostgresUrl } from './config.ts'
import { ROOT } from './root.ts'

export interface TestDatabase {
  /** Of this database, as the cluster's administrator. */
  adminUrl: string
  urlOf(service: string): string
  /** A pool as the service itself has it; closed by `drop()`. */
  open(service: string): Knex
  drop(): Promise<void>
}

// One for all: the login roles belong to the whole cluster, which every test of a run shares.
export const TEST_PASSWORD = 'test-password'

/** That a test's own queries wait for a connection, however busy the machine is. */
const ACQUIRE_MS = 30_000

/** A pool of the cluster's administrator, by default with the search path as it is. */
export function openAdmin(
  adminUrl: string,
  { schema, poolMax = 10 }: { schema?: string; poolMax?: number } = {},
): Knex {
  const options = schema === undefined ? '' : `?options=-csearch_path%3D${schema}`
  return openDatabase(`${adminUrl}${options}`, { poolMax, acquireMs: ACQUIRE_MS })
}

const templates = new Set<string>()

/** A fresh database with the migrations of these services run. End it with `drop()`. */
export async function startTestDatabase(services: readonly string[]): Promise<TestDatabase> {
  const clusterUrl = postgresUrl()
  const name = newName()
  const template = await templateOf(clusterUrl, services)
  await runOn(clusterUrl, `create database ${name} template ${template}`)
  const adminUrl = withDatabase(clusterUrl, name)
  // What belongs to the database's name is not copied, such as what a role may do in it.
  await migrate(adminUrl, migrationsOf(services))
  // A test that alters what a service is made of means it.
  await runOn(adminUrl, `alter role current_user in database ${name} set mumega.migrating = 'on'`)
  const pools: Knex[] = []
  const urlOf = (service: string) => serviceUrl(adminUrl, service, TEST_PASSWORD)
  return {
    adminUrl,
    urlOf,
    open(service) {
      const pool = openDatabase(urlOf(service))
      pools.push(pool)
      return pool
    },
    async drop() {
      await Promise.all(pools.map((pool) => pool.destroy()))
      await runOn(clusterUrl, `drop database if exists ${name} with (force)`)
    },
  }
}

/**
 * The database that is copied for each test: a copy takes a quarter of the time of the migrations.
 * The first who asks makes it, under another name until it is complete.
 */
async function templateOf(clusterUrl: string, services: readonly string[]): Promise<string> {
  // In somebody's own cluster it would outlive the run, and be out of date in the next one.
  if (providedPostgresUrl() !== undefined) return 'template1'
  const template = `template_${services.join('_').replaceAll('-', '')}`
  if (templates.has(template)) return template
  await withClient(clusterUrl, async (client) => {
    await client.query('select pg_advisory_lock(hashtext($1))', [template])
    const found = await client.query('select from pg_database where datname = $1', [template])
    if (found.rows.length > 0) return
    const name = newName()
    await client.query(`create database ${name}`)
    await migrate(withDatabase(clusterUrl, name), migrationsOf(services))
    await client.query(`alter database ${name} rename to ${template}`)
  })
  templates.add(template)
  return template
}

function migrationsOf(services: readonly string[]): ServiceDatabase[] {
  return services.map((service) => ({
    service,
    migrationsDir: join(ROOT, 'services', service, 'migrations'),
    password: TEST_PASSWORD,
  }))
}

function newName(): string {
  return `test_${randomUUID().replaceAll('-', '')}`
}

function withDatabase(clusterUrl: string, name: string): string {
  const url = new URL(clusterUrl)
  url.pathname = `/${name}`
  return url.href
}

async function runOn(url: string, sql: string): Promise<void> {
  await withClient(url, (client) => client.query(sql))
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
