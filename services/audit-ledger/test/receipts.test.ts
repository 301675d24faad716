import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { listDrops } from '@mumega/contracts/audit-findings'
import { getChainHead } from '@mumega/contracts/audit-ledger'
import type { CallContext } from '@mumega/contracts/scalars'
import { GENESIS } from '@mumega/tlog/entry'
import { verifyReceipt } from '@mumega/tlog/receipt'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  OPERATOR,
  publishIntents,
  receiptOf,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let bridge: Bus
const intents: AuditIntent[] = []

function tenant(tenantId: string): CallContext {
  return { tenantId, actor: { id: 'agent:reader', kind: 'agent' } }
}

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
  for (const size of [1, 64, 64, 64, 60, 3, 64, 64, 64, 64, 64, 17, 1, 1]) {
    const some = Array.from({ length: size }, (_, nth) =>
      anIntent({ chain: nth % 2 === 0 ? 'acme' : 'zenith', payload: { nth, text: 'ü' } }),
    )
    intents.push(...some)
    await publishIntents(bridge, some)
  }
  await untilSealed(ledger, intents.length)
})
afterAll(() => ledger.stop())

test('the receipt of every entry of a log of several hundred verifies, with what it discloses', async () => {
  const { vkey } = await checkpointOf(bridge)
  const receipts: Awaited<ReturnType<typeof receiptOf>>[] = []
  // Not all at once: how long one tenant’s requests may wait for the database is bounded.
  for (let at = 0; at < intents.length; at += 8) {
    const some = intents.slice(at, at + 8)
    receipts.push(
      ...(await Promise.all(
        some.map(({ id }) => receiptOf(bridge, { source: 'bridge', id, disclose: true })),
      )),
    )
  }
  for (const [nth, { id, payload, chain }] of intents.entries()) {
    const receipt = receipts[nth]
    if (receipt === undefined) throw new Error('each intent has a receipt')
    expect(receipt.anchored).toBe(true)
    const disclosure = JSON.stringify(receipt.disclosure)
    const verdict = verifyReceipt({ text: receipt.text, vkey, disclosure })
    expect(verdict).toMatchObject({
      status: 'valid',
      isPayloadVerified: true,
      entry: { id, chain },
    })
    expect(receipt.disclosure?.payload).toEqual(payload)
  }
})

test('a receipt discloses nothing unless it is asked to', async () => {
  const receipt = await receiptOf(bridge, { source: 'bridge', id: intents[5]?.id ?? '' })

  expect(receipt.disclosure).toBeUndefined()
  expect(receipt.text).not.toContain('ü')
})

test('a tenant gets the receipts of its own chain; for another one the answer is that of an absent entry', async () => {
  const [own, others] = [intents[0]?.id ?? '', intents[2]?.id ?? '']
  const absent = '019a0000-0000-7000-8000-00000000dead'
  expect(intents.slice(0, 3).map(({ chain }) => chain)).toEqual(['acme', 'acme', 'zenith'])

  const receipt = await receiptOf(bridge, { source: 'bridge', id: own }, tenant('acme'))
  const refusals = await Promise.all(
    [others, absent].map((id) =>
      receiptOf(bridge, { source: 'bridge', id }, tenant('acme')).catch((error: Error) => error),
    ),
  )

  expect(receipt.entry.chain).toBe('acme')
  expect(refusals).toMatchObject([
    { code: 'audit-ledger.entry-not-found', status: 404 },
    { code: 'audit-ledger.entry-not-found', status: 404 },
  ])
  const [one, other] = refusals
  expect(one).toMatchObject({ message: other instanceof Error ? other.message : '' })
})

test("another tenant's chain looks empty, and its drops are nobody's but the operators'", async () => {
  const context = tenant('acme')

  const head = await bridge.request(getChainHead, { chain: 'zenith' }, { context })
  const { drops } = await bridge.request(listDrops, { limit: 10 }, { context })

  expect(head).toEqual({ seq: 0, head: GENESIS })
  expect(drops).toEqual([])
  const known = await bridge.request(getChainHead, { chain: 'zenith' }, { context: OPERATOR })
  expect(known.seq).toBe(intents.filter(({ chain }) => chain === 'zenith').length)
})

test('an entry that no checkpoint covers yet has a receipt that says so, and then one that proves it', async () => {
  const intent = anIntent()
  // Checkpoints cannot be stored for now, so that the entry stays uncovered as long as it is looked
  // at.
  await ledger.sql('revoke insert on checkpoints from mumega_audit_ledger')
  await publishIntents(bridge, [intent])
  await untilSealed(ledger, intents.length + 1)
  const { vkey } = await checkpointOf(bridge)

  const early = await receiptOf(bridge, { source: 'bridge', id: intent.id, waitMs: 0 })

  expect(early.anchored).toBe(false)
  expect(verifyReceipt({ text: early.text, vkey }).status).toBe('not-anchored')
  await ledger.sql('grant insert on checkpoints to mumega_audit_ledger')
  const late = await receiptOf(bridge, { source: 'bridge', id: intent.id, waitMs: 3_000 })
  expect(verifyReceipt({ text: late.text, vkey }).status).toBe('valid')
})

test('a node that was altered when it was read, and is mended, refuses no receipt', async () => {
  // Nothing is kept of what was read before.
  await ledger.rest()
  await ledger.run()
  const kept = await ledger.sql<{ hash: Buffer }>(
    'select hash from subtrees where level = 1 and position = 1',
  )
  const setHash = async (hash: Buffer | undefined) => {
    await ledger.sql('alter table subtrees disable trigger written_once')
    await ledger.sql('update subtrees set hash = $1 where level = 1 and position = 1', [hash])
    await ledger.sql('alter table subtrees enable always trigger written_once')
  }
  const receiptAt = (index: number) =>
    receiptOf(bridge, { source: 'bridge', id: intents[index]?.id ?? '' })
  await setHash(Buffer.alloc(32))
  // Below the altered node, which it does not need and reads beside the one that it does.
  expect(await receiptAt(300)).toMatchObject({ anchored: true })
  await setHash(kept[0]?.hash)

  const receipt = await receiptAt(5)

  const { vkey } = await checkpointOf(bridge)
  expect(verifyReceipt({ text: receipt.text, vkey }).status).toBe('valid')
})

test('a proof is served only when it holds under the signed root', async () => {
  const index = intents.length - 100
  const id = intents[index]?.id ?? ''
  await ledger.sql('alter table event_batches disable trigger written_once')
  await ledger.sql(
    `update event_batches set leaf_hashes = overlay(leaf_hashes placing sha256('') from
            (32 * (${index - 1} - first_index) + 1)::int)
      where first_index <= ${index - 1} and first_index + count > ${index - 1}`,
  )

  const neighbour = receiptOf(bridge, { source: 'bridge', id })

  await expect(neighbour).rejects.toMatchObject({ code: 'bus.bug' })
})
