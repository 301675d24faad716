import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { openDatabase } from '@mumega/db'
import { migrate, serviceUrl } from '@mumega/db/migrate'
import { givenEmptyDatabase, givenSample, SAMPLE_MIGRATIONS } from './given.ts'

const folder = mkdtempSync(join(tmpdir(), 'mumega-migrations-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function givenMigrations(name: string, extra: Record<string, string>): string {
  const target = join(folder, name)
  cpSync(SAMPLE_MIGRATIONS, target, { recursive: true })
  for (const [file, sql] of Object.entries(extra)) writeFileSync(join(target, file), sql)
  return target
}

const password = 'sample-password'

test('two processes that migrate one database at once leave it migrated once', async () => {
  const { adminUrl, drop } = await givenEmptyDatabase()
  const service = { service: 'sample', migrationsDir: SAMPLE_MIGRATIONS, password }

  await Promise.all([migrate(adminUrl, [service]), migrate(adminUrl, [service])])

  const db = openDatabase(serviceUrl(adminUrl, 'sample', password))
  const rows = await db('schema_migrations').orderBy('name').pluck('name')
  expect(rows).toEqual([
    '0001_create_wallets.sql',
    'base/0001_create_outbox.sql',
    'base/0002_guard_audited_tables.sql',
  ])
  await db.destroy()
  await drop()
})

test('a migration that was edited after it had been applied is refused', async () => {
  const { adminUrl, drop } = await givenEmptyDatabase()
  const migrationsDir = givenMigrations('edited', { '0002_add_note.sql': 'select 1;' })
  await migrate(adminUrl, [{ service: 'sample', migrationsDir, password }])
  writeFileSync(join(migrationsDir, '0002_add_note.sql'), 'select 2;')

  const again = migrate(adminUrl, [{ service: 'sample', migrationsDir, password }])

  await expect(again).rejects.toMatchObject({ code: 'db.migration-edited' })
  await drop()
})

test('a migration that fails half-way is rolled back whole and named', async () => {
  const { adminUrl, drop } = await givenEmptyDatabase()
  const sql = 'create table half (id int); select 1 / 0;'
  const migrationsDir = givenMigrations('failing', { '0002_fail.sql': sql })

  const failing = migrate(adminUrl, [{ service: 'sample', migrationsDir, password }])

  await expect(failing).rejects.toThrow('sample/0002_fail.sql failed')
  const db = openDatabase(serviceUrl(adminUrl, 'sample', password))
  const tables = await db('pg_tables').where({ schemaname: 'sample', tablename: 'half' })
  expect(tables).toEqual([])
  await db.destroy()
  await drop()
})

test.each([
  ['create a table', 'create table mine (id int)'],
  ['disable a guard', 'alter table wallets disable trigger all'],
  ['truncate an audited table', 'truncate wallets'],
  ['act as the owner', 'set role mumega_sample_owner'],
  ['create something in the public schema', 'create table public.mine (id int)'],
])('a service cannot %s', async (_, sql) => {
  const sample = await givenSample()

  await expect(sample.db.raw(sql)).rejects.toMatchObject({ code: '42501' })

  await sample.drop()
})
