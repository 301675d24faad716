import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Client } from 'pg'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  publishIntents,
  sealedKeys,
  untilDropped,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let bridge: Bus

beforeEach(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterEach(() => ledger.stop())

const TOO_LARGE = { text: 'x'.repeat(65_536) }

test('LOCK-MON-6: a drop is not resolved by an entry of the same id that stood before it with other content', async () => {
  const [sealed, other] = [anIntent(), anIntent({ payload: TOO_LARGE })]
  await publishIntents(bridge, [sealed])
  await untilSealed(ledger, 1)
  await publishIntents(bridge, [{ ...sealed, payload: TOO_LARGE }, other])
  await untilDropped(bridge, 2)

  await publishIntents(bridge, [{ ...other, payload: { text: 'short' } }])

  const drops = await eventually(
    async () => {
      const found = await untilDropped(bridge, 2)
      return found.some(({ resolvedIndex }) => resolvedIndex !== undefined) && found
    },
    { what: 'a drop to be resolved' },
  )
  const resolved = new Map(drops.map(({ id, resolvedIndex }) => [id, resolvedIndex]))
  expect(resolved.get(other.id)).toBe(1)
  expect(resolved.get(sealed.id)).toBeUndefined()
})

test('LOCK-MON-6: a drop is not resolved by an entry of the same id that was being sealed before it', async () => {
  const [good, other] = [anIntent(), anIntent({ payload: TOO_LARGE })]
  await publishIntents(bridge, [good, { ...good, payload: TOO_LARGE }, other])
  await untilSealed(ledger, 1)
  await untilDropped(bridge, 2)

  await publishIntents(bridge, [{ ...other, payload: { text: 'short' } }])

  const drops = await eventually(
    async () => {
      const found = await untilDropped(bridge, 2)
      return found.some(({ id, resolvedIndex }) => id === other.id && resolvedIndex === 1) && found
    },
    { what: 'the other drop to be resolved' },
  )
  expect(drops.find(({ id }) => id === good.id)?.resolvedIndex).toBeUndefined()
})

test('LOCK-MON-6: a drop is resolved by the sequence of the entry that came after all', async () => {
  const bad = anIntent({ payload: TOO_LARGE })
  await publishIntents(bridge, [bad])
  await untilDropped(bridge, 1)

  await publishIntents(bridge, [anIntent(), { ...bad, payload: { text: 'short' } }])

  const drop = await eventually(
    async () => {
      const [found] = await untilDropped(bridge, 1)
      return found?.resolvedIndex !== undefined && found
    },
    { what: 'the drop to be resolved' },
  )
  expect(drop).toMatchObject({ id: bad.id, resolvedIndex: 1 })
  expect((await healthOfLedger(bridge)).figures['drops']).toBe(0)
})

test('LOCK-MON-6: more drops than one statement marks are resolved, and nothing else has to happen', async () => {
  const good = Array.from({ length: 1_088 }, () => anIntent())
  const inMessages = (intents: readonly unknown[]) =>
    Array.from({ length: intents.length / 64 }, (_, nth) => intents.slice(64 * nth, 64 * (nth + 1)))
  for (const some of inMessages(good.map((intent) => ({ ...intent, action: 1 })))) {
    await publishIntents(bridge, some)
  }
  await eventually(async () => (await healthOfLedger(bridge)).figures['drops'] === good.length, {
    what: 'all drops on record',
  })

  // Sealed in one commit, so that nothing grows behind it.
  const blocker = new Client({ connectionString: ledger.adminUrl })
  await blocker.connect()
  await blocker.query('begin; select from audit_ledger.log_head for update')
  for (const some of inMessages(good)) await publishIntents(bridge, some)
  await eventually(
    async () => (await healthOfLedger(bridge)).figures['intakeIntents'] === good.length,
    { what: 'all intents to be taken' },
  )
  await blocker.query('rollback')
  await blocker.end()

  await untilSealed(ledger, good.length)
  await eventually(async () => (await healthOfLedger(bridge)).figures['drops'] === 0, {
    what: 'no drop to be open',
  })
})

test('LOCK-MON-6: a drop whose record was held up is resolved by what was sealed meanwhile', async () => {
  const blocker = new Client({ connectionString: ledger.adminUrl })
  await blocker.connect()
  await blocker.query('begin; lock table audit_ledger.audit_chain_drops in share mode')
  const bad = anIntent({ payload: TOO_LARGE })
  await publishIntents(bridge, [bad])
  await publishIntents(bridge, [{ ...bad, payload: { text: 'short' } }])
  await untilSealed(ledger, 1)

  await blocker.query('rollback')
  await blocker.end()

  await untilDropped(bridge, 1)
  await publishIntents(bridge, [anIntent()])
  const drop = await eventually(
    async () => {
      const [found] = await untilDropped(bridge, 1)
      return found?.resolvedIndex !== undefined && found
    },
    { what: 'the drop to be resolved' },
  )
  expect(drop).toMatchObject({ id: bad.id, resolvedIndex: 0 })
})

test('LOCK-S024-F-2: an intent of the bus whose place stays taken is on record after two tries, and sealed when it is free', async () => {
  await ledger.sql(
    `insert into event_keys (id, log_index, seq, number, source, chain, intent_hash)
     values ('019a0000-0000-7000-8000-000000000001', 9999999, 1, 1, 'nobody', 'taken', sha256(''))`,
  )
  const [taken, free] = [anIntent({ chain: 'taken' }), anIntent({ chain: 'free' })]

  await publishIntents(bridge, [taken, free])

  const [drop] = await untilDropped(bridge, 1)
  expect(drop).toMatchObject({
    id: taken.id,
    attempts: 2,
    reason: expect.stringContaining('taken'),
  })
  const sealed = await eventually(
    async () => {
      const own = (await sealedKeys(ledger)).filter(({ source }) => source === 'bridge')
      return own.length > 0 && own
    },
    { what: 'the other intent to be sealed' },
  )
  expect(sealed).toMatchObject([{ id: free.id }])

  await ledger.sql('alter table event_keys disable trigger never_removed')
  await ledger.sql(`delete from event_keys where source = 'nobody'`)
  const resolved = await eventually(
    async () => {
      const [found] = await untilDropped(bridge, 1)
      return found?.resolvedIndex !== undefined && found
    },
    { what: 'the drop to be resolved' },
  )
  const keys = await sealedKeys(ledger)
  expect(keys[resolved.resolvedIndex ?? -1]).toMatchObject({ id: taken.id })
})
