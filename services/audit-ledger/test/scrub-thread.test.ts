import type { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from '@jest/globals'
import { systemClock } from '@mumega/config/clock'
import { eventually } from '@mumega/testkit'
import { openFindingRecord } from '../src/scrubbing/finding-record.ts'
import { startScrubbing, type Scrubbing } from '../src/scrubbing/scrubbing.ts'
import { openThreadedScrubber } from '../src/scrubbing/threaded-scrubber.ts'
import { givenLedger, type TestLedger } from './given.ts'
import { copyPath, givenSignedBatches, vkeyOf } from './given-scrubber.ts'

let ledger: TestLedger
let scrubbing: Scrubbing

afterEach(async () => {
  await scrubbing.stop()
  await ledger.stop()
})

/** Scrubs a ledger at rest; gives the threads that were started. */
async function givenScrubbing(entriesPerSecond = 1_000_000): Promise<Worker[]> {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 2)
  const vkey = await vkeyOf(ledger)
  await ledger.rest()
  const threads: Worker[] = []
  scrubbing = startScrubbing({
    scrubber: openThreadedScrubber(
      { databaseUrl: ledger.config.DATABASE_URL, checkpointFile: copyPath(ledger), vkey },
      (thread) => {
        threads.push(thread)
      },
    ),
    record: openFindingRecord(ledger.pool(), systemClock),
    clock: systemClock,
    entriesPerSecond: () => entriesPerSecond,
    delayMs: 0,
    passMsMin: 0,
    onHalting: (finding) => {
      throw new Error(`nothing was altered: ${finding.kind} at ${finding.place}`)
    },
  })
  return threads
}

async function untilPasses(passes: number): Promise<void> {
  await eventually(() => Promise.resolve(scrubbing.figures().scrubPasses >= passes), {
    what: `${passes} passes`,
  })
}

test('a scrubbing thread that crashes is counted and replaced, and scrubbing goes on', async () => {
  const threads = await givenScrubbing()
  await untilPasses(1)

  await threads[0]?.terminate()

  await untilPasses(scrubbing.figures().scrubPasses + 2)
  expect(threads).toHaveLength(2)
  expect(scrubbing.figures()).toMatchObject({ scrubThreadsLost: 1, scrubLastPassEntries: 128 })
  expect(scrubbing.trouble()).toBeUndefined()
})

test('a scrubber that cannot read says so, and reads again when it can', async () => {
  await givenScrubbing()
  await untilPasses(1)

  await ledger.sql('revoke select on subtrees from mumega_audit_ledger')

  await eventually(() => Promise.resolve(scrubbing.trouble() !== undefined), {
    what: 'the trouble',
  })
  expect(scrubbing.trouble()).toBe('the scrubber cannot read')
  const { scrubPasses } = scrubbing.figures()
  await ledger.sql('grant select on subtrees to mumega_audit_ledger')
  await untilPasses(scrubPasses + 2)
  expect(scrubbing.trouble()).toBeUndefined()
})

test('a scrubber reads no more entries in a second than it may', async () => {
  await givenScrubbing(100)
  await untilPasses(1)
  const { scrubPasses } = scrubbing.figures()
  const startedMs = performance.now()

  await untilPasses(scrubPasses + 4)

  // The first of these may have been under way, and the wait of the last one is not over yet.
  const entries = 128 * 3
  expect((1_000 * entries) / (performance.now() - startedMs)).toBeLessThanOrEqual(100)
})
