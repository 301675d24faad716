import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Connection } from '../src/connection.ts'
import type { Finding } from '../src/scrubbing/finding.ts'
import type { Scrubber } from '../src/scrubbing/scrubber.ts'
import {
  anIntent,
  givenLedger,
  publishBytes,
  publishIntents,
  untilDropped,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { DROPS, unguarded, untilResolved } from './given-drops.ts'
import { FLIPPED, givenScrubber, scrubPass, untilSignedUpTo, vkeyOf } from './given-scrubber.ts'

let ledger: TestLedger
let vkey: string
/** By the id of the event; '' where that could not be read. */
let drops: ReadonlyMap<string, string>
/** Events of which a bad form was dropped, and what else came of them. */
const [sealed, mended, lost] = [anIntent(), anIntent(), anIntent()]

beforeAll(async () => {
  ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  await publishIntents(bridge, [sealed])
  await untilSealed(ledger, 1)
  await publishIntents(
    bridge,
    [sealed, mended, lost].map((intent) => ({ ...intent, action: 1 })),
  )
  await publishBytes(bridge, 'no JSON')
  await untilDropped(bridge, 4)
  await publishIntents(bridge, [mended])
  await untilResolved(bridge, 1)
  drops = new Map((await untilDropped(bridge, 4)).map(({ id = '', dropId }) => [id, dropId]))
  await untilSignedUpTo(ledger, 2)
  vkey = await vkeyOf(ledger)
  await ledger.rest()
}, 60_000)
afterAll(() => ledger.stop())

let scrubber: Scrubber
let connection: Connection
beforeEach(async () => {
  ;({ scrubber, connection } = await givenScrubber(ledger, { vkey }))
  await connection.query({ text: 'begin' })
})
afterEach(async () => {
  await connection.query({ text: 'rollback' })
  await connection.close()
})

/** What a pass finds after the change. */
async function foundAfter(change: string): Promise<Finding[]> {
  await connection.query({ text: change })
  return (await scrubPass(scrubber)).found
}

test('drops that stand open, and one that its entry resolved, give no finding', async () => {
  const { found, end } = await scrubPass(scrubber)

  expect({ found, end }).toEqual({
    found: [],
    end: { entries: 2, drops: 4, isWhole: true, found: [] },
  })
})

const of = (id: string) => `where id = '${id}'`
const resolvedBy = (index: number) => `resolved_at = now(), resolved_index = ${index}`

test.each([
  {
    name: 'by the entry of another event',
    ...{ id: lost.id, change: `set ${resolvedBy(1)} ${of(lost.id)}` },
    ...{ expected: `from 1 on, or with`, found: `entry 1, of bridge/${mended.id}` },
  },
  {
    name: 'by an entry that there is not',
    ...{ id: lost.id, change: `set ${resolvedBy(9_999)} ${of(lost.id)}` },
    ...{ expected: `from 1 on, or with`, found: 'entry 9999, which is none' },
  },
  {
    name: 'by an entry below the log',
    ...{ id: lost.id, change: `set ${resolvedBy(-1)} ${of(lost.id)}` },
    ...{ expected: `from 1 on, or with`, found: 'entry -1, which is none' },
  },
  {
    name: 'by an entry of its own that stood before it with other content',
    ...{ id: sealed.id, change: `set ${resolvedBy(0)} ${of(sealed.id)}` },
    expected: 'from 1 on, or with',
    found: 'entry 0, which stood before it with another hash',
  },
  {
    name: 'by other content, in a row without a place',
    ...{ id: mended.id, change: `set log_size = null ${of(mended.id)}` },
    expected: `of bridge/${mended.id}, with the same hash`,
    found: 'entry 1, which stood before it with another hash',
  },
  {
    name: 'by another entry than it was',
    ...{ id: mended.id, change: `set resolved_index = 0 ${of(mended.id)}` },
    ...{ expected: `from 1 on, or with`, found: `entry 0, of bridge/${sealed.id}` },
  },
  {
    name: 'as another source',
    ...{ id: mended.id, change: `set source = 'gateway' ${of(mended.id)}` },
    ...{ expected: `of gateway/${mended.id}`, found: `entry 1, of bridge/${mended.id}` },
  },
  {
    name: 'though its id could not be read',
    ...{ id: '', change: `set ${resolvedBy(1)} where id is null` },
    ...{ expected: 'unresolved', found: `entry 1, of bridge/${mended.id}` },
  },
])('LOCK-MON-6: a drop that says it was resolved $name is found', async (given) => {
  const found = await foundAfter(unguarded(`update ${DROPS} ${given.change}`))

  expect(found).toEqual([
    {
      kind: 'drop-altered',
      place: `drop ${drops.get(given.id)}`,
      expected: expect.stringContaining(given.expected),
      found: given.found,
    },
  ])
})

test('LOCK-MON-6: a drop that says it was resolved by nothing is found', async () => {
  const found = await foundAfter(
    `alter table ${DROPS} drop constraint audit_chain_drops_check;
     ${unguarded(`update ${DROPS} set resolved_at = now() ${of(lost.id)}`)}`,
  )

  expect(found).toMatchObject([
    { kind: 'drop-altered', place: `drop ${drops.get(lost.id)}`, found: 'no entry' },
  ])
})

test('a drop from before its place was kept is resolved by an entry with the same content', async () => {
  const found = await foundAfter(
    unguarded(`update ${DROPS} set log_size = null, payload_hash =
      (select intent_hash from event_keys ${of(mended.id)}) ${of(mended.id)}`),
  )

  expect(found).toEqual([])
})

test.each([
  {
    name: 'altered itself',
    change: `update event_batches set ${FLIPPED.entry} where first_index = 1`,
    finds: ['entry-altered', 'entry 1'],
  },
  {
    name: 'gone itself',
    change: 'delete from event_batches where first_index = 1',
    finds: ['entries-missing', 'entries 1 to 1'],
  },
])('of a drop whose entry is $name no more is said', async ({ change, finds }) => {
  const found = await foundAfter(
    `alter table event_batches disable trigger all; ${change};
     alter table event_batches enable trigger all;
     alter table event_batches enable always trigger written_once`,
  )

  expect(found.map(({ kind, place }) => [kind, place])).toEqual([finds])
})

test.each([
  { name: 'one drop is', change: `delete from ${DROPS} ${of(lost.id)}`, left: '3' },
  { name: 'all drops are', change: `truncate ${DROPS}`, left: '0' },
])('LOCK-MON-6: that $name removed is found, pass after pass', async ({ change, left }) => {
  await scrubPass(scrubber)

  const found = await foundAfter(unguarded(change))

  const missing = { kind: 'drops-missing', place: 'drops', expected: '4 at least', found: left }
  expect(found).toEqual([missing])
  expect((await scrubPass(scrubber)).found).toEqual([missing])
})

test('LOCK-MON-6: however many drops there are, a step reads a page of them, and all are read', async () => {
  const last = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
  await connection.query({
    text: `insert into ${DROPS} (drop_id, source, reason, attempts, payload_hash, occurred_at)
           select lpad(to_hex(nth), 32, '0')::uuid, 'bridge', 'many', 1,
                  sha256(nth::text::bytea), now()
             from generate_series(0, 595) nth;
           ${unguarded(`update ${DROPS} set drop_id = '${last}', ${resolvedBy(1)} ${of(lost.id)}`)}`,
  })
  const looked: number[] = []
  const found: string[] = []
  for (let isOver = false; !isOver;) {
    const step = await scrubber.step()
    looked.push(step.looked)
    found.push(...step.findings.map(({ place }) => place))
    isOver = step.ended !== undefined
  }

  expect(found).toEqual([`drop ${last}`])
  expect(looked.filter((count) => count === 200)).toHaveLength(3)
  expect(Math.max(...looked)).toBe(200)
})
