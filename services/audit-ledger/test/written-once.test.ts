import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Client } from 'pg'
import { eventually } from '@mumega/testkit'
import { openConnection } from '../src/connection.ts'
import { anIntent, givenLedger, publishIntents, type TestLedger } from './given.ts'

let ledger: TestLedger
/** An administrator as they come, and not one of a test. */
let admin: Client

beforeAll(async () => {
  ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  for (let pack = 0; pack < 4; pack += 1) {
    await publishIntents(
      bridge,
      Array.from({ length: 64 }, () => anIntent()),
    )
  }
  await eventually(async () => (await ledger.sql('select from audit_chain_anchors')).length > 0, {
    what: 'the first anchor',
  })
  await ledger.sql("set session_replication_role = 'replica'")
  admin = new Client({ connectionString: ledger.adminUrl })
  await admin.connect()
  await admin.query(`set search_path = audit_ledger`)
  await admin.query(`set mumega.migrating = ''`)
})
afterAll(async () => {
  await admin.end()
  await ledger.stop()
})

test.each([
  'event_batches',
  'event_keys',
  'checkpoints',
  'subtrees',
  'audit_chain_anchors',
  'checkpoint_cosignatures',
  'witness_refusals',
  'checkpoint_timestamps',
])(
  'LOCK-MON-5: rows of %s can be changed, removed or truncated by nobody, not even their owner',
  async (table) => {
    const column = table === 'subtrees' ? 'hash' : table === 'event_keys' ? 'chain' : undefined
    const [sample] = await ledger.sql<{ name: string }>(
      `select column_name as name from information_schema.columns
        where table_schema = 'audit_ledger' and table_name = $1 limit 1`,
      [table],
    )
    const name = column ?? sample?.name ?? ''
    for (const statement of [
      `update ${table} set ${name} = ${name}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ]) {
      await expect(ledger.sql(statement)).rejects.toMatchObject({ code: 'MU010' })
    }
    const service = new Client({ connectionString: ledger.config.DATABASE_URL })
    await service.connect()
    await expect(service.query(`delete from ${table}`)).rejects.toMatchObject({ code: '42501' })
    await service.end()
  },
)

test.each([
  ['alter table event_batches disable trigger written_once', 'audit_ledger.event_batches'],
  ['alter table chains add column note text', 'audit_ledger.chains'],
  ['drop trigger never_removed on event_keys', 'never_removed on audit_ledger.event_keys'],
  ['drop policy by_tenant on event_keys', 'by_tenant on audit_ledger.event_keys'],
  ['drop table audit_findings', 'audit_ledger.audit_findings'],
  ['create table notes (note text)', 'audit_ledger.notes'],
  ['drop schema audit_ledger cascade', 'audit_ledger'],
  ['alter schema audit_ledger rename to another', 'another'],
  [
    `create or replace function refuse_change() returns trigger language plpgsql as
       'begin return null; end'`,
    'audit_ledger.refuse_change()',
  ],
  [
    `do $$ begin
       create schema kin;
       create table kin.parents (like subtrees) partition by list (level);
       alter table kin.parents attach partition subtrees default;
     end $$`,
    'the kinship of ',
  ],
])(
  'LOCK-MON-5: an administrator who is no migration cannot %s, and is told of what it is',
  async (statement, what) => {
    for (const role of ['origin', 'replica']) {
      await admin.query(`set session_replication_role = '${role}'`)
      await expect(admin.query(statement)).rejects.toMatchObject({
        code: 'MU010',
        message: expect.stringContaining(what),
      })
    }
    await admin.query('reset session_replication_role')
  },
)

test('what is not the ledger’s may be made and altered beside it', async () => {
  for (const statement of [
    'create temp table audit_ledger_draft (note text)',
    'create schema beside',
    'create table beside.event_batches (note text)',
    'alter table beside.event_batches add column more text',
    'drop schema beside cascade',
    'reindex table event_keys',
  ]) {
    await admin.query(statement)
  }
})

test('LOCK-MON-5: a temporary table in the place of the redactions erases no payload', async () => {
  await admin.query('begin')
  await admin.query(`create temp table redactions as
    select 0::bigint as log_index, pg_current_xact_id() as redacted_in`)

  await expect(
    admin.query('update payload_batches set salts = salts where first_index = 0'),
  ).rejects.toMatchObject({ code: 'MU010' })
  await admin.query('rollback')
})

test('the ledger reads by its own search path, whatever its role was given', async () => {
  await ledger.sql(`create schema elsewhere; do $$ begin
    execute format('alter role mumega_audit_ledger in database %I set search_path = elsewhere, audit_ledger',
                   current_database()); end $$`)
  const connection = openConnection(ledger.config.DATABASE_URL)

  const { rows } = await connection.query({ text: 'show search_path' })

  await connection.close()
  expect(rows).toEqual([{ search_path: 'audit_ledger,pg_temp' }])
})
