import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Client } from 'pg'
import { openDatabase, type Knex } from '@mumega/db'
import { migrate, serviceUrl } from '@mumega/db/migrate'
import { postgresUrl } from './config.ts'
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

/** A fresh database with the migrations of these services run. End it with `drop()`. */
export async function startTestDatabase(services: readonly string[]): Promise<TestDatabase> {
  const clusterUrl = postgresUrl()
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await runOn(clusterUrl, `create database ${name}`)
  const adminUrl = withDatabase(clusterUrl, name)
  await migrate(
    adminUrl,
    services.map((service) => ({
      service,
      migrationsDir: join(ROOT, 'services', service, 'migrations'),
      password: TEST_PASSWORD,
    })),
  )
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

function withDatabase(clusterUrl: string, name: string): string {
  const url = new URL(clusterUrl)
  url.pathname = `/${name}`
  return url.href
}

async function runOn(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
