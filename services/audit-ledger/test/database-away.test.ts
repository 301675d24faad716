import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { append } from '@mumega/contracts/audit-ledger'
import { anIntent, givenLedger, publishIntents, untilSealed, type TestLedger } from './given.ts'

let ledger: TestLedger
let bridge: Bus

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterAll(() => ledger.stop())

test('while the database is away intents wait and an append is told so', async () => {
  const [before, during] = [anIntent(), anIntent()]
  await publishIntents(bridge, [before])
  await untilSealed(ledger, 1)
  // Of this database only: the role belongs to the whole cluster, which other tests share.
  const [database] = await ledger.sql<{ name: string }>('select current_database() as name')
  await ledger.sql(`alter database ${database?.name} connection limit 0`)
  await ledger.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where usename = 'mumega_audit_ledger' and datname = current_database()`,
  )

  await publishIntents(bridge, [during])
  const context = { tenantId: 'acme', actor: { id: 'service:bridge', kind: 'service' } } as const
  const request = { source: 'bridge', intent: anIntent() }
  const refused = bridge.request(append, request, { context, timeoutMs: 1_500 })
  await expect(refused).rejects.toMatchObject({ kind: 'unavailable' })

  await ledger.sql(`alter database ${database?.name} connection limit -1`)
  const keys = await untilSealed(ledger, 2)
  expect(keys.map(({ id }) => id)).toContain(during.id)
})
