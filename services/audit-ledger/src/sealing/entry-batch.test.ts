import { expect, test } from '@jest/globals'
import { commitPayload, decodeEntry, entryHash, GENESIS } from '@mumega/tlog/entry'
import { emptyFrontier, extendFrontier, leafHash } from '@mumega/tlog/merkle'
import { framesOf } from '../signing/frames.ts'
import { openBatchBuilder, type LogTip } from './entry-batch.ts'
import { isRefusal, prepareIntent, type PreparedIntent } from './intent.ts'

function intents(count: number): PreparedIntent[] {
  return Array.from({ length: count }, (_, nth) => {
    const prepared = prepareIntent('crm', {
      id: `019a0000-0000-7000-8000-${String(nth).padStart(12, '0')}`,
      number: nth + 1,
      chain: nth % 3 === 0 ? 'acme' : 'zenith',
      time: '2026-11-21T08:00:00.000Z',
      actor: { id: 'agent:ä', kind: 'agent' },
      action: 'deal.moved',
      target: `deal:${nth}`,
      phase: 'fact',
      payload: { nth, text: 'é'.repeat(nth) },
    })
    if (isRefusal(prepared)) throw new Error(prepared.kind)
    return prepared
  })
}

const EMPTY: LogTip = { frontier: emptyFrontier(), epoch: 1, chains: new Map() }

test('a batch is what the general encoder, the chains and the tree make of its intents', () => {
  const build = openBatchBuilder()
  const batch = build(EMPTY, intents(10))

  const entries = framesOf(batch.entries)
  const heads = new Map<string, string>()
  const seqs = new Map<string, number>()
  entries.forEach((bytes, nth) => {
    const entry = decodeEntry(bytes)
    expect(entry.prev).toBe(heads.get(entry.chain) ?? GENESIS)
    expect(entry.seq).toBe((seqs.get(entry.chain) ?? 0) + 1)
    heads.set(entry.chain, entryHash(bytes).toString('hex'))
    seqs.set(entry.chain, entry.seq)
    const salt = batch.salts.subarray(32 * nth, 32 * (nth + 1))
    const payload: unknown = { nth, text: 'é'.repeat(nth) }
    expect(entry.payload).toBe(commitPayload(salt, payload).toString('hex'))
    expect(batch.sealed[nth]).toMatchObject({ index: nth, seq: entry.seq, chain: entry.chain })
    expect(batch.offsets.readUInt32BE(4 * nth)).toBe(
      bytes.byteOffset - batch.entries.byteOffset - 2,
    )
  })
  expect(entries).toHaveLength(10)
  expect(batch.leafHashes).toEqual(Buffer.concat(entries.map((entry) => leafHash(entry))))
  expect(batch.frontier).toEqual(extendFrontier(emptyFrontier(), entries.map(leafHash)))
  expect([...batch.chains].map(([chain, head]) => [chain, head.head])).toEqual([...heads])
})

test('a batch goes on where the tip stands', () => {
  const build = openBatchBuilder()
  const first = build(EMPTY, intents(5))
  const { frontier, chains } = first
  const acme = chains.get('acme')

  const second = build({ frontier, epoch: 1, chains }, intents(1))

  expect(second.sealed).toMatchObject([{ index: 5, chain: 'acme', seq: (acme?.seq ?? 0) + 1 }])
  const [entry] = framesOf(second.entries)
  expect(entry && decodeEntry(entry).prev).toBe(acme?.head)
})

test('two events with the same payload have commitments that nobody can compare', () => {
  const one = intents(1)
  const other = intents(1)
  const batch = openBatchBuilder()(EMPTY, [...one, ...other])

  const [first, second] = framesOf(batch.entries).map((bytes) => decodeEntry(bytes).payload)
  expect(first).not.toBe(second)
})

test('no salt comes twice, however many are needed', () => {
  const { salts } = openBatchBuilder()(EMPTY, intents(1_000))

  const all = Array.from({ length: 1_000 }, (_, nth) =>
    salts.toString('hex', 32 * nth, 32 * nth + 32),
  )
  expect(new Set(all).size).toBe(1_000)
})
