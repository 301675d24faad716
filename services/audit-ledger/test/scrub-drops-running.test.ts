import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  publishIntents,
  untilDropped,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { DROPS, unguarded, untilResolved } from './given-drops.ts'
import { redact } from './given-redactions.ts'
import { findingsOf, untilFound } from './given-scrubber.ts'

let ledger: TestLedger
let bridge: Bus

beforeEach(async () => {
  ledger = await givenLedger({
    settings: { LEDGER_SCRUB_DELAY_MS: 0, LEDGER_SCRUB_PASS_MS_MIN: 0 },
  })
  bridge = await ledger.bus('bridge')
})
afterEach(() => ledger.stop())

/** Waits for the end of a pass that began after now. */
async function untilScrubbed(): Promise<void> {
  const passes = async () => (await healthOfLedger(bridge)).figures['scrubPasses'] ?? 0
  const before = await passes()
  await eventually(async () => (await passes()) > before + 1, { what: 'a whole pass' })
}

test('LOCK-MON-6: a drop that is removed while no ledger runs is found by the next, and stays found', async () => {
  await publishIntents(bridge, [anIntent(), { ...anIntent(), action: 1 }])
  await untilSealed(ledger, 1)
  await untilDropped(bridge, 1)
  await untilScrubbed()
  await ledger.rest()
  await ledger.sql(unguarded(`delete from ${DROPS}`))

  await ledger.run()

  const missing = { kind: 'drops-missing', expected: '1 at least', found: '0', halts: false }
  expect(await untilFound(bridge)).toMatchObject([missing])
  await untilScrubbed()
  expect((await findingsOf(bridge)).map(({ kind, clearedAt }) => [kind, clearedAt])).toEqual([
    ['drops-missing', undefined],
  ])
})

test('a drop whose entry is erased after it was resolved is no finding', async () => {
  const good = anIntent()
  await publishIntents(bridge, [{ ...good, action: 1 }])
  await untilDropped(bridge, 1)
  await publishIntents(bridge, [good])
  await untilResolved(bridge, 0)
  // As in a row from before its place was kept: only the hash, which the erasure takes, was left.
  await ledger.sql(unguarded(`update ${DROPS} set log_size = null`))

  await redact(bridge, good.id)

  await untilSealed(ledger, 2)
  await untilScrubbed()
  const found = await findingsOf(bridge)
  expect(found.filter(({ clearedAt }) => clearedAt === undefined)).toEqual([])
})
