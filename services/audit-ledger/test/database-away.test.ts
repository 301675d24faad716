import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { append } from '@mumega/contracts/audit-ledger'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  publishIntents,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { givenPassage } from './given-passage.ts'

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

test('what is too much for one commit is sealed in parts', async () => {
  await ledger.sql('alter table event_batches add constraint few check (count <= 8) not valid')
  const intents = Array.from({ length: 60 }, () => anIntent())
  const ids = new Set(intents.map(({ id }) => id))
  // What was refused before, after its time, may be sealed still.
  const own = async () => (await sealedKeys(ledger)).filter(({ id }) => ids.has(id))

  await publishIntents(bridge, intents)

  const keys = await eventually(
    async () => {
      const found = await own()
      return found.length >= 60 && found
    },
    { what: '60 sealed entries' },
  )
  expect(keys.map(({ id }) => id)).toEqual(intents.map(({ id }) => id))
  await ledger.sql('alter table event_batches drop constraint few')
})

test('a connection that is lost without a word, in the middle of a commit, is given up soon', async () => {
  const passage = await givenPassage(new URL(ledger.config.DATABASE_URL), 'commit-batch')
  await ledger.rest()
  Object.assign(ledger.config, { DATABASE_URL: passage.url })
  await ledger.run()
  const [first, second] = [anIntent(), anIntent()]
  const untilIn = ({ id }: { id: string }, options: { what: string; timeoutMs?: number }) =>
    eventually(async () => (await sealedKeys(ledger)).some((key) => key.id === id), options)
  await publishIntents(bridge, [first])
  await untilIn(first, { what: 'an entry' })

  passage.swallowMarked()
  await publishIntents(bridge, [second])

  // Within the time that a statement may take, and so by another connection.
  await untilIn(second, { what: 'the entry, by another connection' })
  await ledger.rest()
  passage.close()
})
