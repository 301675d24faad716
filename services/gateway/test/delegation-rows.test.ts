import { randomBytes, randomUUID } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import { migrate } from '@mumega/db/migrate'
import { openAdmin, startTestDatabase, type TestDatabase } from '@mumega/testkit'
import { authenticate } from '../src/authentication.ts'
import { delegateToken } from '../src/delegate-token.ts'
import { createFirstOperator } from '../src/first-operator.ts'
import type { Session } from '../src/session.ts'
import { hashOf, newSecret } from '../src/token.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')
const SCOPES = ['agents:read', 'messages:read', 'audit:read']

interface Row {
  [column: string]: unknown
}

const parent: Row = {
  token_id: randomUUID(),
  kind: 'agent',
  tenant_id: 'acme',
  agent: 'ada',
  scopes: SCOPES,
  created_at: new Date('2026-01-01'),
  expires_at: new Date('2099-01-01'),
  rate_class: 'standard',
}
const lawful: Row = {
  ...parent,
  token_id: randomUUID(),
  scopes: ['agents:read'],
  parent_token_id: parent['token_id'],
  root_token_id: parent['token_id'],
  depth: 2,
}

const stranger = { ...parent, token_id: randomUUID(), tenant_id: 'other' }

let database: TestDatabase

beforeAll(async () => {
  database = await startTestDatabase(['gateway'])
  const admin = openAdmin(database.adminUrl, { poolMax: 1 })
  await admin.raw(`set session_replication_role = replica`)
  await admin.raw(`insert into gateway.tenants values ('acme', 'x', now()), ('other', 'x', now())`)
  await admin('gateway.tokens').insert({ token_hash: randomBytes(32), ...stranger })
  await admin.destroy()
}, 60_000)

afterAll(async () => {
  await database.drop()
})

/** Tries to write the rows as the gateway’s own role, acting on a tenant, and undoes it. */
async function write(db: Knex, tenantId: string, rows: Row[]): Promise<void> {
  const trx = await db.transaction()
  try {
    await trx.raw(`select set_config('mumega.tenant_id', ?, true)`, [tenantId])
    for (const row of rows) {
      await trx('tokens').insert({ token_hash: randomBytes(32), ...row })
    }
  } finally {
    await trx.rollback()
  }
}

const beneath = (row: Row): Row => ({
  ...lawful,
  token_id: randomUUID(),
  parent_token_id: row['token_id'],
  root_token_id: parent['token_id'],
  depth: Number(row['depth']) + 1,
  scopes: ['agents:read'],
})
const middle = { ...lawful, scopes: ['agents:read', 'audit:read'] }
const third = { ...beneath(middle), scopes: ['agents:read'] }

test.each<[string, Row[]]>([
  ['of equal scopes', [{ ...lawful, scopes: SCOPES }]],
  ['of more scopes', [{ ...lawful, scopes: ['messages:send'] }]],
  ['of another agent', [{ ...lawful, agent: 'bob' }]],
  ['of another kind', [{ ...lawful, kind: 'operator', tenant_id: 'substrate', agent: null }]],
  ['of a longer life', [{ ...lawful, expires_at: new Date('2099-01-02') }]],
  ['of a higher rate', [{ ...lawful, rate_class: 'elevated' }]],
  ['of another root', [{ ...lawful, root_token_id: stranger.token_id }]],
  ['of no root', [{ ...lawful, root_token_id: null }]],
  ['of no depth', [{ ...lawful, depth: 1 }]],
  ['deeper than it is', [{ ...lawful, depth: 3 }]],
  ['of an absent parent', [{ ...lawful, parent_token_id: randomUUID() }]],
  ['of another tenant’s', [{ ...lawful, parent_token_id: stranger.token_id }]],
  ['deeper than three', [middle, third, beneath(third)]],
])('the database takes no child %s', async (_what, children) => {
  const db = database.open('gateway')

  await write(db, 'acme', [parent, middle])
  const writing = write(db, 'acme', [parent, ...children])

  await expect(writing).rejects.toThrow(/lesser child|check constraint/)
})

test('an operator’s delegated token is no operator’s token when its root is revoked', async () => {
  const fresh = await startTestDatabase(['gateway'])
  const db = fresh.open('gateway')
  const at = { db, clock: systemClock }
  const made = await createFirstOperator(db, systemClock)
  if (!made.created) throw new Error('there was an operator')
  const session: Session = await authenticate(at, `Bearer ${made.token}`)
  const delegation = { scopes: ['audit:read' as const] }
  const child = await delegateToken(at, { session, requestId: randomUUID(), delegation })
  const admin = openAdmin(fresh.adminUrl, { poolMax: 1 })
  await admin.raw(`set session_replication_role = replica`)
  await admin.raw(`update gateway.tokens set revoked_at = now() where token_id = ?`, [made.tokenId])
  await admin.destroy()

  const again = await createFirstOperator(db, systemClock)

  expect(again.created).toBe(true)
  await expect(authenticate(at, `Bearer ${child.secret}`)).rejects.toMatchObject({
    code: 'gateway.token-revoked',
  })
  await fresh.drop()
}, 60_000)

test('tokens of before there were rate classes go on, as roots with the rate they had', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'))
  for (const name of ['0001_create_tenants_and_tokens.sql', '0002_lock_acting_token.sql']) {
    cpSync(join(MIGRATIONS, name), join(folder, name))
  }
  const empty = await startTestDatabase([])
  const service = { service: 'gateway', password: 'test-password' }
  await migrate(empty.adminUrl, [{ ...service, migrationsDir: folder }])
  const admin = openAdmin(empty.adminUrl, { poolMax: 1 })
  await admin.raw(`set session_replication_role = replica`)
  await admin.raw(`insert into gateway.tenants values ('acme', 'Acme', now())`)
  const secret = newSecret('agent')
  const { rate_class: _class, ...old } = parent
  const insert = (row: Row) => admin('gateway.tokens').insert({ ...old, ...row })
  await insert({ token_hash: hashOf(secret) })

  await migrate(empty.adminUrl, [{ ...service, migrationsDir: MIGRATIONS }])
  // A gateway of before that still runs beside the new one.
  const late = newSecret('agent')
  await insert({ token_id: randomUUID(), token_hash: hashOf(late) })

  const at = { db: empty.open('gateway'), clock: systemClock }
  const lineage = { parentTokenId: undefined, rootTokenId: parent['token_id'], depth: 1 }
  const known = await authenticate(at, `Bearer ${secret}`)
  expect(known.token).toMatchObject({ ...lineage, rateClass: 'elevated', agent: 'ada' })
  expect((await authenticate(at, `Bearer ${late}`)).token.rateClass).toBe('standard')
  await admin.destroy()
  await empty.drop()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)
