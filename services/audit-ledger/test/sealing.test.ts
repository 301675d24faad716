import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import { verifyReceipt } from '@mumega/tlog/receipt'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  healthOfLedger,
  hearSealed,
  publishIntents,
  receiptOf,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let bridge: Bus
let gateway: Bus

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
  gateway = await ledger.bus('gateway')
})
afterAll(() => ledger.stop())

async function isSealed(source: string, id: string) {
  return eventually(
    async () => (await sealedKeys(ledger)).find((key) => key.source === source && key.id === id),
    { what: `${source} ${id} in the log` },
  )
}

test('an intent published on the bus becomes an entry whose receipt a stranger can verify', async () => {
  const intent = anIntent()
  await publishIntents(bridge, [intent])
  await isSealed('bridge', intent.id)

  const receipt = await receiptOf(bridge, { source: 'bridge', id: intent.id, disclose: true })

  expect(receipt).toMatchObject({ anchored: true, entry: { chain: 'acme', seq: 1 } })
  const { vkey } = await checkpointOf(bridge)
  const disclosure = JSON.stringify(receipt.disclosure)
  const verdict = verifyReceipt({ text: receipt.text, vkey, disclosure })
  expect(verdict).toMatchObject({ status: 'valid', isPayloadVerified: true })
})

test('LOCK-MON-3: chains are gapless and in order under many producers', async () => {
  const chains = ['north', 'south', 'east']
  const messages = Array.from({ length: 60 }, (_, nth) =>
    Array.from({ length: 10 }, () => anIntent({ chain: chains[nth % 3] ?? 'north' })),
  )
  const before = (await sealedKeys(ledger)).length
  await Promise.all(
    messages.map((intents, nth) => publishIntents(nth % 2 === 0 ? bridge : gateway, intents)),
  )

  const keys = await untilSealed(ledger, before + 600)

  expect(keys.map(({ index }) => index)).toEqual(keys.map((_, nth) => nth))
  for (const chain of chains) {
    const seqs = keys.filter((key) => key.chain === chain).map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: 200 }, (_, nth) => nth + 1))
  }
  for (const intents of messages) {
    const places = intents.map(({ id }) => keys.find((key) => key.id === id)?.index ?? -1)
    expect(places).toEqual([...places].sort((one, other) => one - other))
  }
})

test('an intent that is delivered again keeps its first place', async () => {
  const intent = anIntent({ chain: 'again' })
  await publishIntents(bridge, [intent])
  const first = await isSealed('bridge', intent.id)

  // Another message with the same intents, and one that holds it twice.
  await publishIntents(bridge, [intent, intent, anIntent({ chain: 'again' })])
  const last = anIntent({ chain: 'again' })
  await publishIntents(bridge, [last])
  await isSealed('bridge', last.id)

  const keys = (await sealedKeys(ledger)).filter(({ chain }) => chain === 'again')
  expect(keys).toHaveLength(3)
  expect(keys[0]).toEqual(first)
})

test('the same id with other content is refused, and the conflict is an entry itself, once', async () => {
  const intent = anIntent({ chain: 'disputed' })
  const other = { ...intent, payload: { text: 'something else' } }
  await publishIntents(bridge, [intent])
  await isSealed('bridge', intent.id)
  await publishIntents(bridge, [other])
  await publishIntents(bridge, [other])

  const records = await eventually(
    async () => {
      const found = (await sealedKeys(ledger)).filter(({ source }) => source === 'audit-ledger')
      return found.length > 0 && found
    },
    { what: 'the conflict on the substrate chain' },
  )
  const last = anIntent({ chain: 'disputed' })
  await publishIntents(bridge, [last])
  await isSealed('bridge', last.id)

  expect(records).toMatchObject([{ chain: 'substrate', source: 'audit-ledger' }])
  const keys = await sealedKeys(ledger)
  expect(keys.filter(({ chain }) => chain === 'disputed')).toHaveLength(2)
  expect(keys.filter(({ source }) => source === 'audit-ledger')).toHaveLength(1)
  const id = records[0]?.id ?? ''
  const receipt = await receiptOf(bridge, { source: 'audit-ledger', id, disclose: true })
  const [row] = await ledger.sql<{ commitment: string }>(
    `select encode(sha256(salt || sealed_hash || refused_hash), 'hex') as commitment
       from audit_chain_conflicts`,
  )
  expect(receipt.disclosure?.payload).toEqual({ source: 'bridge', id: intent.id, ...row })
  const health = await healthOfLedger(bridge)
  expect(health.figures['conflicts']).toBe(1)
  const first = await receiptOf(bridge, { source: 'bridge', id: intent.id, disclose: true })
  expect(first.disclosure?.payload).toEqual(intent.payload)
})

test('the source is the subject on which the message came, whatever its body says', async () => {
  const intent = anIntent()
  await publishIntents(gateway, [{ ...intent, source: 'bridge' }])

  expect(await isSealed('gateway', intent.id)).toMatchObject({ source: 'gateway' })
  const keys = await sealedKeys(ledger)
  expect(keys.filter(({ id, source }) => id === intent.id && source === 'bridge')).toEqual([])
})

test('LOCK-MON-3: another service can neither publish under a false source nor write the log', async () => {
  const intent = anIntent()
  bridge.connection.publish('aud.gateway.v1.append', JSON.stringify({ intents: [intent] }))
  const mine = anIntent()
  await publishIntents(bridge, [mine])
  await isSealed('bridge', mine.id)

  expect((await sealedKeys(ledger)).filter(({ id }) => id === intent.id)).toEqual([])
  const grants = await ledger.sql<{ grantee: string }>(
    `select distinct grantee from information_schema.role_table_grants
      where table_schema = 'audit_ledger' and grantee not like '%_owner'`,
  )
  expect(grants.map(({ grantee }) => grantee)).toEqual(['mumega_audit_ledger'])
})

test('the entry carries the trace of the request that caused it', async () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const intent = anIntent({ traceparent })
  await publishIntents(bridge, [intent])
  await isSealed('bridge', intent.id)

  const { text } = await receiptOf(bridge, { source: 'bridge', id: intent.id })

  const { vkey } = await checkpointOf(bridge)
  expect(verifyReceipt({ text, vkey }).entry?.trace).toBe('a'.repeat(32))
})

test('what was sealed and not announced before a crash is announced after the next start', async () => {
  const intents = Array.from({ length: 10 }, () => anIntent())
  await publishIntents(bridge, intents)
  await isSealed('bridge', intents.at(-1)?.id ?? '')
  await ledger.rest()
  await ledger.sql('update announcements set announced_size = announced_size - 5')
  const heard = hearSealed(await ledger.adminBus())

  await ledger.run()

  await eventually(() => Promise.resolve(heard.length >= 5), { what: 'five announcements' })
  expect(heard).toMatchObject((await sealedKeys(ledger)).slice(-5))
})
