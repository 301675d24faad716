import { hash } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { migrate } from '@mumega/db/migrate'
import {
  anIntent,
  givenLedger,
  publishBytes,
  publishIntents,
  untilDropped,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { redact } from './given-redactions.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')

let ledger: TestLedger
let bridge: Bus

beforeEach(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterEach(() => ledger.stop())

const deep = '['.repeat(50_000) + ']'.repeat(50_000)
const anIntentTooDeep = () =>
  JSON.stringify(anIntent()).replace('"payload":{', `"payload":{"deep":${deep},`)

test.each<[string, () => string[]]>([
  ['an intent with an id that is nested too deeply', () => [anIntentTooDeep()]],
  ['one without an id that is nested too deeply', () => [deep]],
  ['two intents without an id', () => ['5', '6']],
  ['an intent that its contract refuses', () => [JSON.stringify({ ...anIntent(), action: 1 })]],
])('no hash over an erased payload is kept by the drop of its neighbour: %s', async (_, others) => {
  const good = anIntent({ payload: { pin: '1234' } })
  const bytes = `{"intents":[${[JSON.stringify(good), ...others()].join(',')}]}`
  await publishBytes(bridge, bytes)
  await untilSealed(ledger, 1)
  await untilDropped(bridge, 1)

  await redact(bridge, good.id)

  const kept = (await untilDropped(bridge, 1)).map(({ payloadHash }) => payloadHash)
  const guesses = [bytes, JSON.stringify(good), JSON.stringify({ intents: [good] })]
  for (const guess of guesses) expect(kept).not.toContain(hash('sha256', guess, 'hex'))
})

test('hashes that may be over a whole message go with the update, and the drops stay', async () => {
  const bad = { ...anIntent(), action: 1 }
  await publishIntents(bridge, [bad])
  await publishIntents(bridge, [1, 2])
  await publishBytes(bridge, 'no JSON')
  const before = await untilDropped(bridge, 3)
  await ledger.rest()
  await ledger.sql(
    `drop function refuse_change_of_drop cascade;
     delete from schema_migrations where name like '0073%' or name like '0075%'`,
  )

  await migrate(ledger.adminUrl, [{ service: 'audit-ledger', migrationsDir: MIGRATIONS }])

  await ledger.run()
  const after = await untilDropped(bridge, 3)
  expect(after.map(({ dropId }) => dropId)).toEqual(before.map(({ dropId }) => dropId))
  const kept = after.filter(({ payloadHash }, nth) => payloadHash === before[nth]?.payloadHash)
  expect(kept).toMatchObject([{ reason: 'the message is not JSON' }])
})
