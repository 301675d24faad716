import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { verifyReceipt } from '@mumega/tlog/receipt'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  publishIntents,
  receiptOf,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let bridge: Bus

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterAll(() => ledger.stop())

test('an intent published on the bus becomes an entry whose receipt a stranger can verify', async () => {
  const intent = anIntent()
  await publishIntents(bridge, [intent])
  await untilSealed(ledger, 1)

  const receipt = await receiptOf(bridge, { source: 'bridge', id: intent.id, disclose: true })

  expect(receipt).toMatchObject({ anchored: true, entry: { chain: 'acme', seq: 1, index: 0 } })
  const { vkey } = await checkpointOf(bridge)
  const disclosure = JSON.stringify(receipt.disclosure)
  const verdict = verifyReceipt({ text: receipt.text, vkey, disclosure })
  expect(verdict).toMatchObject({ status: 'valid', isPayloadVerified: true })
  expect(await sealedKeys(ledger)).toHaveLength(1)
})
