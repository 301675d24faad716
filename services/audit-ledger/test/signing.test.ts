import { hash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { append } from '@mumega/contracts/audit-ledger'
import { eventually } from '@mumega/testkit'
import { parseCheckpoint } from '@mumega/tlog/checkpoint'
import { leafHash, rootOf } from '@mumega/tlog/merkle'
import { openNote, parseVkey } from '@mumega/tlog/note'
import { framesOf } from '../src/signing/frames.ts'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  healthOfLedger,
  publishIntents,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger

afterEach(() => ledger.stop())

/** Leaf hashes computed here from the entries in the database. */
async function storedLeaves(): Promise<Buffer[]> {
  const rows = await ledger.sql<{ entries: Buffer }>(
    'select entries from event_batches order by first_index',
  )
  return rows.flatMap(({ entries }) => framesOf(entries)).map((entry) => leafHash(entry))
}

/** Publishes messages of these sizes, one after the other. */
async function publishSizes(bus: Bus, sizes: readonly number[]): Promise<number> {
  for (const size of sizes) {
    await publishIntents(
      bus,
      Array.from({ length: size }, () => anIntent()),
    )
  }
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function untilSigned(bus: Bus, size: number) {
  return eventually(
    async () => {
      const { note, vkey } = await checkpointOf(bus)
      if (note === undefined) return undefined
      const checkpoint = parseCheckpoint(openNote(note, [parseVkey(vkey)]).text)
      return checkpoint.size >= size && checkpoint
    },
    { what: `a checkpoint over ${size}` },
  )
}

async function untilHalted(bus: Bus): Promise<string> {
  return eventually(
    async () => {
      const { dependencies } = await healthOfLedger(bus)
      const sealing = dependencies.find(({ name }) => name === 'sealing')
      return sealing?.status === 'failing' && sealing.reason
    },
    { what: 'the ledger to stop sealing' },
  )
}

/** Changes what is written once, as whoever holds the cluster can. */
async function tamper(table: string, statement: string): Promise<void> {
  await ledger.sql(`alter table ${table} disable trigger written_once`)
  await ledger.sql(statement)
  await ledger.sql(`alter table ${table} enable always trigger written_once`)
}

/** A ledger at rest with 64 signed entries, and one more that was committed just before a crash. */
async function givenUnsignedTail(): Promise<Bus> {
  ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  await publishSizes(bridge, [64])
  await untilSigned(bridge, 64)
  const kept = await readFile(copyPath(), 'utf8')
  await publishSizes(bridge, [1])
  await untilSigned(bridge, 65)
  await ledger.rest()
  await tamper('checkpoints', 'delete from checkpoints where size > 64')
  await writeFile(copyPath(), kept)
  return bridge
}

function copyPath(): string {
  return `${ledger.config.LEDGER_KEY_FILE}.checkpoint`
}

test('LOCK-MON-4: an anchor stands after each 256 events exactly, linked to the one before, whatever the batches', async () => {
  ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  const count = await publishSizes(
    bridge,
    [1, 64, 64, 64, 62, 1, 1, 64, 33, 64, 64, 64, 64, 64, 64, 64],
  )
  await untilSigned(bridge, count)

  const anchors = await ledger.sql<{
    anchor: string
    root: Buffer
    note: string
    previous_hash: Buffer
    hash: Buffer
  }>('select * from audit_chain_anchors order by anchor')

  const leaves = await storedLeaves()
  expect(leaves).toHaveLength(count)
  expect(anchors.map(({ anchor }) => Number(anchor))).toEqual([1, 2, 3])
  const verifier = parseVkey((await checkpointOf(bridge)).vkey)
  let previous = Buffer.alloc(32)
  for (const { anchor, root, note, previous_hash, hash: linked } of anchors) {
    const size = 256 * Number(anchor)
    const signed = parseCheckpoint(openNote(note, [verifier]).text)
    expect(signed).toEqual({ origin: 'localhost/test', size, root: rootOf(leaves.slice(0, size)) })
    expect(root).toEqual(signed.root)
    expect(previous_hash).toEqual(previous)
    previous = hash('sha256', Buffer.concat([previous, Buffer.from(note)]), 'buffer')
    expect(linked).toEqual(previous)
  }
})

test('the tail of a quiet log is signed within a second of its growth', async () => {
  ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  await publishSizes(bridge, [1])
  await untilSealed(ledger, 1)
  const sealedMs = performance.now()

  const checkpoint = await untilSigned(bridge, 1)

  expect(performance.now() - sealedMs).toBeLessThan(1_000)
  expect(checkpoint.root).toEqual(rootOf(await storedLeaves()))
})

test('each checkpoint follows the one before it, and the newest is kept outside the database', async () => {
  ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  for (const size of [3, 5, 7]) {
    const before = (await sealedKeys(ledger)).length
    await publishSizes(bridge, [size])
    await untilSigned(bridge, before + size)
  }

  const rows = await ledger.sql<{ size: string; previous_size: string | null }>(
    'select size, previous_size from checkpoints order by checkpoints.size',
  )

  expect(rows.map(({ previous_size }) => previous_size)).toEqual([
    null,
    ...rows.slice(0, -1).map(({ size }) => size),
  ])
  const copy = await readFile(copyPath(), 'utf8')
  expect(copy).toBe((await checkpointOf(bridge)).note)
})

test('after a crash the unsigned tail is read back, signed, and the log goes on', async () => {
  const bridge = await givenUnsignedTail()
  await ledger.run()
  await untilSigned(bridge, 65)

  await publishSizes(bridge, [64, 64, 64])

  const checkpoint = await untilSigned(bridge, 257)
  expect(checkpoint.root).toEqual(rootOf(await storedLeaves()))
  expect(await ledger.sql('select anchor from audit_chain_anchors')).toHaveLength(1)
})

const CHANGED = 'set_byte(entries, 100, get_byte(entries, 100) # 1)'

test.each<[string, string, RegExp]>([
  [
    'a flipped bit of an entry',
    `update event_batches set entries = ${CHANGED} where first_index = 64`,
    /entry 64 does not have the leaf hash/,
  ],
  [
    'another leaf hash',
    `update event_batches set leaf_hashes = sha256('') where first_index = 64`,
    /entry 64 does not have the leaf hash/,
  ],
  [
    'an entry that was rewritten with its leaf hash',
    `update event_batches set entries = ${CHANGED},
            leaf_hashes = sha256('\\x00'::bytea || substring(${CHANGED} from 3))
      where first_index = 64`,
    /the root over 65 entries is not the one that was committed/,
  ],
  [
    'an entry that was cut off',
    `update event_batches set entries = substring(entries for 200) where first_index = 64`,
    /the batch from 64 on is torn/,
  ],
  [
    'an entry that is gone',
    `alter table payload_batches disable trigger never_removed;
     delete from payload_batches where first_index = 64;
     delete from event_batches where first_index = 64`,
    /the entries from 64 on are missing/,
  ],
])('LOCK-MON-4: %s is not signed, and nothing more is sealed', async (_name, change, reason) => {
  const bridge = await givenUnsignedTail()
  const { checkpoints } = await countAll()
  await tamper('event_batches', change)

  await ledger.run()

  expect(await untilHalted(bridge)).toMatch(reason)
  const context = { tenantId: 'acme', actor: { id: 'service:bridge', kind: 'service' } } as const
  const refused = bridge.request(append, { source: 'bridge', intent: anIntent() }, { context })
  await expect(refused).rejects.toMatchObject({ code: 'audit-ledger.not-sealing', status: 503 })
  expect(await countAll()).toEqual({ checkpoints, keys: 65 })
})

async function countAll(): Promise<{ checkpoints: number; keys: number }> {
  const checkpoints = await ledger.sql('select from checkpoints')
  return { checkpoints: checkpoints.length, keys: (await sealedKeys(ledger)).length }
}

test('LOCK-MON-4: an anchor is not signed over an entry that changed after a checkpoint had covered it', async () => {
  ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  await publishSizes(bridge, [64, 64, 64, 63])
  await untilSigned(bridge, 255)
  await tamper(
    'event_batches',
    `update event_batches set entries = ${CHANGED} where first_index = 0`,
  )

  await publishSizes(bridge, [1])

  expect(await untilHalted(bridge)).toMatch(/entry 0 does not have the leaf hash/)
  expect(await ledger.sql('select from audit_chain_anchors')).toEqual([])
  expect(await ledger.sql('select from checkpoints where size > 255')).toEqual([])
})

test.each([
  ['a sequence', 'seq = seq + 7'],
  ['a head', `head = sha256('h')`],
])(
  'LOCK-MON-3: %s of a chain that is not its last entry is not built upon',
  async (_name, change) => {
    ledger = await givenLedger()
    const bridge = await ledger.bus('bridge')
    await publishSizes(bridge, [3])
    await untilSigned(bridge, 3)
    await ledger.rest()
    await ledger.sql(`update chains set ${change} where chain = 'acme'`)
    await ledger.run()

    await publishSizes(bridge, [1])

    expect(await untilHalted(bridge)).toMatch(/the head of the chain acme is not its last entry/)
    expect(await sealedKeys(ledger)).toHaveLength(3)
  },
)

test('a database that was set back behind a signed checkpoint is noticed by the copy outside of it', async () => {
  const bridge = await givenUnsignedTail()
  await ledger.run()
  await untilSigned(bridge, 65)
  await ledger.rest()
  await tamper('checkpoints', 'delete from checkpoints where size > 64')

  await ledger.run()

  expect(await untilHalted(bridge)).toMatch(/a checkpoint over 65 entries was signed/)
})

test.each<[string, string, RegExp]>([
  [
    'the root',
    `update checkpoints set root = sha256('') where size = 64`,
    /not what its signature/,
  ],
  [
    'the frontier',
    'update checkpoints set frontier = substring(frontier for 9) where size = 64',
    /the frontier of the checkpoint over 64 entries is torn/,
  ],
  ['the note', `update checkpoints set note = 'x' where size = 64`, /not signed by this key/],
])('a last checkpoint of which %s was changed is not built upon', async (_name, change, reason) => {
  const bridge = await givenUnsignedTail()
  await tamper('checkpoints', change)

  await ledger.run()

  expect(await untilHalted(bridge)).toMatch(reason)
})
