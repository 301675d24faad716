import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Finding } from '../src/scrubbing/finding.ts'
import { givenLedger, type TestLedger } from './given.ts'
import {
  AFTER_CHANGE,
  ALTERED_ENTRIES,
  BEFORE_CHANGE,
  flip,
  type Alteration,
} from './alterations.ts'
import { ALTERED_PAYLOADS } from './alterations-payloads.ts'
import { ALTERED_GUARDS, ALTERED_HEADS, ALTERED_SIGNED } from './alterations-signed.ts'
import { givenScrubber, givenSignedBatches, scrubPass, vkeyOf } from './given-scrubber.ts'

let ledger: TestLedger
let vkey: string

beforeAll(async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 10)
  vkey = await vkeyOf(ledger)
  await ledger.rest()
}, 60_000)
afterAll(() => ledger.stop())

interface Tampered {
  readonly found: readonly Finding[]
  /** The altered value before and after, where the alteration names one. */
  readonly values: readonly (string | undefined)[]
}

/** Makes the change as whoever holds the cluster can, scrubs, and takes the change back. */
async function tamper(
  { change, value }: Alteration,
  around: { before: readonly string[]; after: readonly string[] } = {
    before: BEFORE_CHANGE,
    after: AFTER_CHANGE,
  },
): Promise<Tampered> {
  const { scrubber, connection } = await givenScrubber(ledger, { vkey })
  const read = async () => {
    if (value === undefined) return undefined
    const { rows } = await connection.query<{ value: string }>({ text: value })
    return rows[0]?.value
  }
  for (const text of ['begin', ...around.before]) await connection.query({ text })
  const before = await read()
  await connection.query({ text: change })
  const after = await read()
  for (const text of around.after) await connection.query({ text })
  const { found } = await scrubPass(scrubber)
  await connection.query({ text: 'rollback' })
  await connection.close()
  return { found, values: [before, after] }
}

/** The place of an entry's key, from `key of 130`. */
async function placeOf(place: string): Promise<string> {
  const index = /^key of (\d+)/.exec(place)?.[1]
  if (index === undefined) return place
  const [key] = await ledger.sql<{ id: string }>('select id from event_keys where log_index = $1', [
    index,
  ])
  return place.replace(/^key of \d+/, `key bridge/${key?.id}`)
}

test('a log of some hundred entries in three chains gives no finding, and every value was judged', async () => {
  const { scrubber, connection } = await givenScrubber(ledger, { vkey })

  const { found, end } = await scrubPass(scrubber)

  await connection.close()
  const whole = { entries: 640, drops: 0, isWhole: true, found: [] }
  expect({ found, end }).toEqual({ found: [], end: whole })
})

test.each([...ALTERED_ENTRIES, ...ALTERED_PAYLOADS, ...ALTERED_SIGNED, ...ALTERED_HEADS])(
  'LOCK-MON-7: $name is found, exactly where it is',
  async (alteration) => {
    const { found, values } = await tamper(alteration)

    const expected = await Promise.all(
      alteration.finds.map(async ([kind, place]) => ({ kind, place: await placeOf(place) })),
    )
    expect(found.map(({ kind, place }) => ({ kind, place }))).toEqual(expected)
    const [before, after] = values
    if (alteration.value === undefined) return
    expect(found[0]).toMatchObject({ expected: before, found: after })
    expect(before).not.toBe(after)
  },
)

test.each(ALTERED_GUARDS)('LOCK-MON-5: $name is found, exactly where it is', async (alteration) => {
  const { found } = await tamper(alteration, { before: [], after: [] })

  expect(found.map(({ kind, place }) => [kind, place])).toEqual(alteration.finds)
})

test('a pass that forgets chains between its steps looks their heads up, and finds nothing', async () => {
  const { scrubber, connection } = await givenScrubber(ledger, { vkey, chainsMax: 1 })

  const { found } = await scrubPass(scrubber)

  await connection.close()
  expect(found).toEqual([])
})

test('of more altered values than a pass reports one finding more says that there are more', async () => {
  const change = `update event_keys set log_index = log_index + 1;
    update payload_batches set salts = decode(repeat('00', octet_length(salts)), 'hex')`

  const { found } = await tamper({ name: '', change, finds: [] })

  expect(found).toHaveLength(1_001)
  expect(found.at(-1)).toMatchObject({ kind: 'too-many', place: 'the whole log' })
})

/** Scrubs two passes, the first of which goes on where `place` says. */
async function scrubAgain(place: number, change = '') {
  const { scrubber, connection } = await givenScrubber(ledger, { vkey, isResuming: true })
  await connection.query({ text: 'begin' })
  const around =
    change === '' ? { before: [], after: [] } : { before: BEFORE_CHANGE, after: AFTER_CHANGE }
  for (const text of [...around.before, change, ...around.after]) await connection.query({ text })
  await connection.query({ text: `update scrub_progress set checkpoint_size = ${place}` })
  const passes = [await scrubPass(scrubber), await scrubPass(scrubber)]
  await connection.query({ text: 'rollback' })
  await connection.close()
  return passes.map(({ found, end, positions }) => ({
    found: found.map(({ kind, place: where }) => `${kind} at ${where}`),
    begin: (positions[0] ?? 0) > place ? 'behind it' : 'at entry 0',
    isWhole: end.isWhole,
  }))
}

test('a scrubber that is started again goes on at the checkpoint on record, and then begins anew', async () => {
  expect(await scrubAgain(320)).toEqual([
    { found: [], begin: 'behind it', isWhole: false },
    { found: [], begin: 'at entry 0', isWhole: true },
  ])
})

test('a pass that goes on finds what was altered behind its place, and calls it the same', async () => {
  const at = (index: number) => `update chains set head = sha256('x') where chain = 'beta';
    update event_batches set ${flip('leaf_hashes', 33)} where first_index = ${index}`

  const [first, second] = await scrubAgain(320, at(448))
  const [before] = await scrubAgain(320, at(128))

  const found = ['leaf-hash-altered at entry 449', 'chain-head-altered at chain beta']
  expect(first).toMatchObject({ found, begin: 'behind it' })
  expect(second?.found).toEqual(found)
  expect(before?.found).toEqual(found.slice(1))
})

test.each([
  { name: 'no checkpoint stands', place: 321, change: '', found: [] },
  {
    name: 'a checkpoint was altered',
    place: 320,
    change: `update checkpoints set ${flip('frontier', 15)} where size = 320`,
    found: ['checkpoint-altered at checkpoint 320, frontier'],
  },
])('where $name, nothing is believed, and the log is read from its beginning', async (given) => {
  const [first] = await scrubAgain(given.place, given.change)

  expect(first).toMatchObject({ found: given.found, begin: 'at entry 0' })
})

test('a step reads a small part of the log, however long that is', async () => {
  const { scrubber, connection } = await givenScrubber(ledger, { vkey })

  const { positions } = await scrubPass(scrubber)

  await connection.close()
  const reads = positions.map((position, nth) => position - (positions[nth - 1] ?? 0))
  expect(Math.max(...reads)).toBeLessThanOrEqual(6 * 64)
  expect(positions.at(-1)).toBe(640)
})
