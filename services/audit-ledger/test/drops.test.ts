import { hash } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Client } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import { dropRecorded, listDrops } from '@mumega/contracts/audit-findings'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  OPERATOR,
  publishBytes,
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

const DEEP = `${'['.repeat(8_000)}{"a":[1,"b",null]}${']'.repeat(8_000)}`

test.each<[string, string, string]>([
  ['an intent', DEEP, JSON.stringify(anIntent())],
  [
    'a payload',
    JSON.stringify(anIntent({ payload: { deep: 0 } })).replace('"deep":0', `"deep":${DEEP}`),
    '1',
  ],
])(
  'LOCK-MON-6: %s that is nested 8,000 deep becomes a drop-record, and the ledger goes on',
  async (_name, deep, neighbour) => {
    const bytes = `{"intents":[${deep},${neighbour}]}`
    await publishBytes(bridge, bytes)

    const drops = await untilDropped(bridge, 1)

    expect(drops).toContainEqual(
      expect.objectContaining({ source: 'bridge', payloadHash: hash('sha256', deep, 'hex') }),
    )
    const after = anIntent()
    await publishIntents(bridge, [after])
    const keys = await untilSealed(ledger, neighbour === '1' ? 1 : 2)
    expect(keys.at(-1)?.id).toBe(after.id)
  },
)

test('LOCK-MON-6: the intents of a message that have no readable id are one drop-record together', async () => {
  const good = anIntent()
  const bytes = JSON.stringify({ intents: [1, good, 2, { id: 'x' }] })

  await publishBytes(bridge, bytes)

  await untilSealed(ledger, 1)
  const drops = await untilDropped(bridge, 1)
  const hashes = ['1', '2', '{"id":"x"}'].map((each) => hash('sha256', each, 'buffer'))
  expect(drops).toMatchObject([
    {
      reason: expect.stringContaining('3 intents'),
      payloadHash: hash('sha256', Buffer.concat(hashes), 'hex'),
    },
  ])
})

test('LOCK-MON-6: a flood of bad intents waits within its bound, holds up no other producer, and is all on record', async () => {
  const blocker = new Client({ connectionString: ledger.adminUrl })
  await blocker.connect()
  await blocker.query('begin; lock table audit_ledger.audit_chain_drops in share mode')
  const bad = Array.from({ length: 40 }, () =>
    Array.from({ length: 64 }, () => ({ ...anIntent(), action: 1 })),
  )
  for (const intents of bad) await publishIntents(bridge, intents)
  const gateway = await ledger.bus('gateway')
  const good = anIntent()

  await publishIntents(gateway, [good])

  expect(await untilSealed(ledger, 1)).toMatchObject([{ source: 'gateway', id: good.id }])
  const waiting = Number((await healthOfLedger(gateway)).figures['misfitsWaiting'])
  expect(waiting).toBeGreaterThan(1_000)
  expect(waiting).toBeLessThanOrEqual(2_048)
  await blocker.query('rollback')
  await blocker.end()
  await eventually(
    async () => {
      const [row] = await ledger.sql<{ count: string }>('select count(*) from audit_chain_drops')
      return Number(row?.count) === 40 * 64
    },
    { what: 'all drops on record' },
  )
})

test.each<[string, unknown, RegExp]>([
  [
    'a payload over 64 KiB',
    anIntent({ payload: TOO_LARGE }),
    /65547 bytes, and 65536 is the limit/,
  ],
  ['no action', { ...anIntent(), action: undefined }, /action/],
  ['a chain that is no name', anIntent({ chain: '../acme' }), /chain/],
  ['half a character', anIntent({ payload: { text: '\ud800' } }), /surrogate/],
  ['a target over its length', anIntent({ target: `deal:${'x'.repeat(9_000)}` }), /target/],
])(
  'LOCK-MON-6: an intent with %s becomes a drop-record, and its neighbours are sealed',
  async (_name, bad, reason) => {
    const [first, last] = [anIntent(), anIntent()]

    await publishIntents(bridge, [first, bad, last])

    const [drop, ...others] = await untilDropped(bridge, 1)
    await untilSealed(ledger, 2)
    expect(others).toEqual([])
    const { id } = bad as { id: string }
    expect(drop).toMatchObject({
      source: 'bridge',
      id,
      attempts: 1,
      reason: expect.stringMatching(reason),
    })
    expect((await sealedKeys(ledger)).map((key) => key.id)).toEqual([first.id, last.id])
    expect((await healthOfLedger(bridge)).figures['drops']).toBe(1)
  },
)

test.each<[string, string | Uint8Array, RegExp]>([
  ['is not JSON', '{"intents":[', /not JSON/],
  ['is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /not UTF-8/],
  ['has no list', '{"intent":{}}', /no list/],
  ['has an empty list', '{"intents":[]}', /no intent/],
  [
    'has too long a list',
    JSON.stringify({ intents: Array.from({ length: 65 }, () => 1) }),
    /over 64/,
  ],
])(
  'LOCK-MON-6: a message that %s becomes a drop-record and does not come again',
  async (_name, bytes, reason) => {
    await publishBytes(bridge, bytes)

    const [drop] = await untilDropped(bridge, 1)

    expect(drop).toMatchObject({ source: 'bridge', reason: expect.stringMatching(reason) })
    expect(drop?.payloadHash).toBe(hash('sha256', bytes, 'hex'))
    const after = anIntent()
    await publishIntents(bridge, [after])
    await untilSealed(ledger, 1)
    const pending = await eventually(
      async () => {
        const { figures } = await healthOfLedger(bridge)
        return figures['intakeIntents'] === 0 && figures
      },
      { what: 'an empty intake' },
    )
    expect(pending['drops']).toBe(1)
  },
)

test('drops are listed in pages, newest first, each of them once', async () => {
  const bad = [1, 2, 3].map((number) => anIntent({ number, payload: TOO_LARGE }))
  for (const intent of bad) await publishIntents(bridge, [intent])
  const all = await untilDropped(bridge, 3)
  const pageOf = (before?: string) =>
    bridge.request(
      listDrops,
      { limit: 2, ...(before !== undefined && { before }) },
      { context: OPERATOR },
    )

  const first = await pageOf()
  const second = await pageOf(first.next)

  expect([first.drops.length, second.next]).toEqual([2, undefined])
  expect([...first.drops, ...second.drops]).toEqual(all)
})

test.each(['', '1', 'next', `-1-${uuidv7()}`, `9999999999999999-${uuidv7()}`, `1-${uuidv7()}x`])(
  'a cursor that no page gave (%j) is refused by its name',
  async (before) => {
    const asked = bridge.request(listDrops, { limit: 2, before }, { context: OPERATOR })

    await expect(asked).rejects.toMatchObject({
      code: before === '' ? 'bus.invalid-request' : 'audit-ledger.invalid-cursor',
      message: expect.stringContaining('before'),
    })
  },
)

test('a drop is announced once, and counts up when the same comes again', async () => {
  const heard: string[] = []
  const admin = await ledger.adminBus()
  admin.hear(dropRecorded, ({ reason }) => {
    heard.push(reason)
  })
  const bad = anIntent({ payload: TOO_LARGE })
  await publishIntents(bridge, [bad])
  await untilDropped(bridge, 1)

  await publishIntents(bridge, [bad])

  const drop = await eventually(
    async () => {
      const [found] = await untilDropped(bridge, 1)
      return found?.attempts === 2 && found
    },
    { what: 'a second attempt' },
  )
  expect(drop.id).toBe(bad.id)
  await eventually(() => Promise.resolve(heard.length > 0), { what: 'the announcement' })
  expect(heard).toHaveLength(1)
})

test('LOCK-MON-6: drops are recorded while the chain itself is blocked', async () => {
  const blocker = new Client({ connectionString: ledger.adminUrl })
  await blocker.connect()
  await blocker.query('begin; select from audit_ledger.log_head for update')
  const waiting = anIntent()
  await publishIntents(bridge, [waiting])

  await publishIntents(bridge, [anIntent({ payload: TOO_LARGE })])

  await untilDropped(bridge, 1)
  expect(await sealedKeys(ledger)).toEqual([])
  await blocker.query('rollback')
  await blocker.end()
  expect(await untilSealed(ledger, 1)).toMatchObject([{ id: waiting.id }])
})

test('LOCK-MON-6: what cannot even be put on record is handed back, counted, and recorded later', async () => {
  await ledger.sql('revoke insert on audit_chain_drops from mumega_audit_ledger')
  const bad = anIntent({ payload: TOO_LARGE })
  await publishIntents(bridge, [bad])
  await eventually(
    async () => Number((await healthOfLedger(bridge)).figures['misfitFailures']) > 0,
    { what: 'the failure in the health figures' },
  )

  await ledger.sql('grant insert on audit_chain_drops to mumega_audit_ledger')

  expect(await untilDropped(bridge, 1)).toMatchObject([{ id: bad.id }])
})
