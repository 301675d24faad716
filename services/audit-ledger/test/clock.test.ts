import { afterAll, expect, test } from '@jest/globals'
import { givenSignedBatches, scrubAll, vkeyOf } from './given-scrubber.ts'
import { givenLedger, type TestLedger } from './given.ts'

let ledger: TestLedger
afterAll(() => ledger.stop())

test('a clock that steps back holds nothing up, and what it signs follows what was signed', async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 5)
  const vkey = await vkeyOf(ledger)
  await ledger.rest()
  // From an hour ago on, and half as fast.
  ledger.config.MUMEGA_TIME_ORIGIN_MS = Date.now() - 7_200_000
  ledger.config.MUMEGA_TIME_SCALE = 0.5

  await ledger.run()
  await givenSignedBatches(ledger, 5)

  await ledger.rest()
  const [signed] = await ledger.sql<{ stepped_back: boolean }>(
    `select bool_or(later.signed_at < earlier.signed_at) as stepped_back from checkpoints earlier
       join checkpoints later on later.previous_size = earlier.size`,
  )
  expect(signed).toEqual({ stepped_back: true })
  expect(await scrubAll(ledger, vkey)).toEqual({ found: [], isWhole: true, entries: 640 })
})
