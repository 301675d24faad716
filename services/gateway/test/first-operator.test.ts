import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock, type Clock } from '@mumega/config/clock'
import { startTestDatabase, type TestDatabase } from '@mumega/testkit'
import { authenticate } from '../src/authentication.ts'
import { createFirstOperator } from '../src/first-operator.ts'
import { revokeToken } from '../src/revoke-token.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await startTestDatabase(['gateway'])
}, 60_000)

afterAll(async () => {
  await database.drop()
})

const inDays = (days: number): Clock => ({
  now: () => new Date(Date.now() + days * 86_400_000),
  realMs: (ms) => ms,
})

test('of ten first starts at once one gets an operator’s token, and later ones none', async () => {
  const db = database.open('gateway')

  const made = await Promise.all(
    Array.from({ length: 10 }, () => createFirstOperator(db, systemClock)),
  )

  const [operator, ...more] = made.flatMap((each) => (each.created ? [each] : []))
  expect(more).toEqual([])
  const session = await authenticate(
    { db, clock: systemClock },
    `Bearer ${String(operator?.token)}`,
  )
  expect(session.token).toMatchObject({ kind: 'operator', tenantId: 'substrate' })
  expect(session.token.scopes).toContain('tenants:write')
  expect(await createFirstOperator(db, systemClock)).toEqual({ created: false })
})

test('who has no operator’s token that can be used any more gets a new one', async () => {
  const db = database.open('gateway')
  const clock = inDays(366)

  const afterExpiry = await createFirstOperator(db, clock)
  expect(afterExpiry.created).toBe(true)
  if (!afterExpiry.created) return
  const session = await authenticate({ db, clock }, `Bearer ${afterExpiry.token}`)
  await revokeToken({ db, clock }, session, afterExpiry.tokenId)

  expect((await createFirstOperator(db, clock)).created).toBe(true)
})

test('the gateway’s own role sees no token without a tenant, nor another tenant’s', async () => {
  const db = database.open('gateway')
  await createFirstOperator(db, systemClock)

  const unscoped = await db('tokens').select('token_id')
  const scoped = await db.transaction(async (trx) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
    return trx('tokens').select('token_id')
  })

  expect([unscoped, scoped]).toEqual([[], []])
})
