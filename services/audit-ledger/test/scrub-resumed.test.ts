import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { anIntent, givenLedger, publishIntents, type TestLedger } from './given.ts'
import {
  givenScrubber,
  givenSignedBatches,
  scrubPass,
  untilSignedUpTo,
  vkeyOf,
} from './given-scrubber.ts'

const BEFORE = 128

let ledger: TestLedger
let vkey: string

beforeAll(async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, BEFORE / 64)
  vkey = await vkeyOf(ledger)
}, 60_000)
afterAll(() => ledger.stop())

test('a pass that goes on in the middle takes no chain for broken that begins behind its place', async () => {
  const chains = ['late', 'late', 'acme', 'later', 'late', 'later']
  const intents = chains.map((chain) => anIntent({ chain }))
  await publishIntents(await ledger.bus('bridge'), intents)
  await untilSignedUpTo(ledger, BEFORE + chains.length)
  await ledger.rest()
  const { scrubber, connection } = await givenScrubber(ledger, { vkey, isResuming: true })
  await connection.query({ text: `update scrub_progress set checkpoint_size = ${BEFORE}` })

  const { found, positions, end } = await scrubPass(scrubber)

  await connection.close()
  expect(positions[0]).toBeGreaterThan(BEFORE)
  expect({ found, entries: end.entries }).toEqual({ found: [], entries: BEFORE + chains.length })
})
