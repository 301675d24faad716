import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { systemClock } from '@mumega/config/clock'
import { type Knex, openDatabase } from '@mumega/db'
import type { ActOptions } from '@mumega/db/act'
import { migrate, serviceUrl } from '@mumega/db/migrate'

export interface Sample {
  adminUrl: string
  url: string
  db: Knex
  drop(): Promise<void>
}

/** Of this package's `test/migrations`, seen from where the compiler puts the tests. */
export const SAMPLE_MIGRATIONS = fileURLToPath(new URL('../../test/migrations', import.meta.url))
const PASSWORD = 'sample-password'

/** A fresh database with the schema of a service called `sample`. */
export async function givenSample(): Promise<Sample> {
  const { adminUrl, drop } = await givenEmptyDatabase()
  await migrate(adminUrl, [
    { service: 'sample', migrationsDir: SAMPLE_MIGRATIONS, password: PASSWORD },
  ])
  const url = serviceUrl(adminUrl, 'sample', PASSWORD)
  const db = openDatabase(url)
  return {
    adminUrl,
    url,
    db,
    async drop() {
      await db.destroy()
      await drop()
    },
  }
}

export async function givenEmptyDatabase(): Promise<{
  adminUrl: string
  drop(): Promise<void>
}> {
  const clusterUrl = process.env['TEST_POSTGRES_URL']
  if (clusterUrl === undefined) throw new Error('TEST_POSTGRES_URL is set by the global set-up')
  const name = `db_test_${randomUUID().replaceAll('-', '')}`
  await runAs(clusterUrl, `create database ${name}`)
  const adminUrl = new URL(clusterUrl)
  adminUrl.pathname = name
  return {
    adminUrl: adminUrl.href,
    drop: () => runAs(clusterUrl, `drop database ${name} with (force)`),
  }
}

async function runAs(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** Acts as an agent of tenant `acme`. */
export function asAcme(request?: ActOptions['request']): ActOptions {
  return {
    context: { tenantId: 'acme', actor: { id: 'agent:kasra', kind: 'agent' } },
    clock: systemClock,
    ...(request === undefined ? {} : { request }),
  }
}
