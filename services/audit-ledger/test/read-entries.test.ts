import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import type { SealedEntry } from '@mumega/contracts/audit'
import { readEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  hearSealed,
  OPERATOR,
  publishIntents,
  untilCommitWaits,
  type TestLedger,
} from './given.ts'

const SIZE = 620

let ledger: TestLedger
let bridge: Bus
let announced: SealedEntry[]

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
  announced = hearSealed(await ledger.adminBus())
  // Commits of many sizes, so that ranges begin and end in the middle of them; entries of 2 KB, so
  // that 500 do not fit into a reply.
  const wide = { actor: { id: `agent:${'漢'.repeat(190)}`, kind: 'agent' as const } }
  for (let sealed = 0, size = 1; sealed < SIZE; sealed += size, size = (size % 64) + 7) {
    size = Math.min(size, 64, SIZE - sealed)
    const target = `message:${'ü'.repeat(290)}`
    const intents = Array.from({ length: size }, (_, nth) =>
      anIntent({ ...wide, target, chain: nth % 3 === 0 ? 'zenith' : 'acme' }),
    )
    await publishIntents(bridge, intents)
  }
  await eventually(() => Promise.resolve(announced.length >= SIZE), { what: 'all announcements' })
})
afterAll(() => ledger.stop())

function read(begin: number, end: number, tenantId = 'substrate') {
  const context = { ...OPERATOR, tenantId }
  return bridge.request(readEntries, { begin, end }, { context })
}

/** Asked on until there is no more. */
async function readAll(begin: number, end: number): Promise<ReplyOf<typeof readEntries>[]> {
  const replies = [await read(begin, end)]
  for (let next = replies[0]?.next; next !== undefined; next = replies.at(-1)?.next) {
    replies.push(await read(next, end))
  }
  return replies
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

test('what was announced is read at its place, part by part, and its hash is the announced one', async () => {
  const replies = [...(await readAll(0, 500)), ...(await readAll(500, 1_000))]

  const entries = replies.flatMap((reply) => reply.entries)
  expect(replies.length).toBeGreaterThan(2)
  expect(replies.every((reply) => JSON.stringify(reply).length < 1_000_000)).toBe(true)
  expect(entries.map(({ index, entry }) => ({ index, hash: sha256(entry) }))).toEqual(
    announced.slice(0, SIZE).map(({ index, hash }) => ({ index, hash })),
  )
  expect(entries.map(({ entry }) => JSON.parse(entry) as unknown)).toMatchObject(
    announced.slice(0, SIZE).map(({ source, id, chain, seq }) => ({ source, id, chain, seq })),
  )
})

test.each([
  [0, 1],
  [17, 18],
  [99, 203],
  [SIZE - 1, SIZE + 400],
  [SIZE, SIZE + 1],
  [SIZE + 3, Number.MAX_SAFE_INTEGER - SIZE],
])('a range is answered with what the log has of it: %d to %d', async (begin, asked) => {
  const end = Math.min(asked, begin + 500)

  const { entries, next } = await read(begin, end)

  const there = Array.from({ length: Math.max(0, Math.min(end, SIZE) - begin) })
  expect(entries.map(({ index }) => index)).toEqual(there.map((_, nth) => begin + nth))
  expect(next).toBeUndefined()
})

test.each([
  [5, 5],
  [6, 5],
  [0, 501],
])('a range that makes no sense is refused, and names the field: %d to %d', async (begin, end) => {
  await expect(read(begin, end)).rejects.toMatchObject({
    code: 'audit-ledger.invalid-filter',
    details: { field: 'end' },
  })
})

test('a range that is none of the log is refused by its contract', async () => {
  await expect(read(-1, 5)).rejects.toMatchObject({ code: 'bus.invalid-request' })
  await expect(read(0, 1.5)).rejects.toMatchObject({ code: 'bus.invalid-request' })
})

test.each(['acme', 'zenith', 'nobody'])(
  'a tenant reads no entry by its place, not even its own: %s',
  async (tenantId) => {
    await expect(read(0, 5, tenantId)).rejects.toMatchObject({
      code: 'audit-ledger.operators-only',
      kind: 'forbidden',
    })
  },
)

test('what is being committed is not read until it is', async () => {
  await ledger.sql('begin')
  await ledger.sql('select from log_head for update')
  await publishIntents(bridge, [anIntent()])
  await untilCommitWaits(ledger)

  expect(await read(SIZE, SIZE + 1)).toEqual({ entries: [] })

  await ledger.sql('commit')
  await eventually(async () => (await read(SIZE, SIZE + 1)).entries.length === 1, {
    what: 'the entry',
  })
})
