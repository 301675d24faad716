import { hash } from 'node:crypto'
import type { SealedEntry } from '@mumega/contracts/audit'
import { GENESIS, SALT_BYTES } from '@mumega/tlog/entry'
import { HASH_BYTES, type Frontier } from '@mumega/tlog/merkle'
import { growFrom } from './growing-tree.ts'
import { bytesOf, PLACE_BYTES_MAX, writeEntry, type PreparedIntent } from './intent.ts'

/** A chain's newest sequence and the hex SHA-256 of the entry that has it. */
export interface ChainHead {
  readonly seq: number
  readonly head: string
}

/** The head of a chain without entries. */
export const EMPTY_CHAIN: ChainHead = { seq: 0, head: GENESIS }

/** Where the log stood when the batch was built; the commit fails unless it still stands there. */
export interface LogTip {
  readonly frontier: Frontier
  readonly epoch: number
  /**
   * Heads of at least the chains that the batch touches; a chain without entries may be missing.
   */
  readonly chains: ReadonlyMap<string, ChainHead>
}

/**
 * One group commit: bytes as they are stored, valid until the builder's next batch, and what
 * follows from them.
 */
export interface EntryBatch {
  readonly intents: readonly PreparedIntent[]
  readonly sealed: readonly SealedEntry[]
  readonly entries: Buffer
  readonly offsets: Buffer
  readonly leafHashes: Buffer
  readonly salts: Buffer
  readonly payloads: Buffer
  readonly payloadOffsets: Buffer
  /** The tree's frontier after it. */
  readonly frontier: Frontier
  /** The touched chains' heads after it. */
  readonly chains: ReadonlyMap<string, ChainHead>
}

/** Gives each intent, in order, its place in its chain and in the log. Pure. */
export type BuildBatch = (tip: LogTip, intents: readonly PreparedIntent[]) => EntryBatch

const LENGTH_BYTES = 2

/**
 * Makes the builder of one sealer's batches. It writes every batch into the same memory: new
 * megabytes for each commit kept the garbage collector busier than all the hashing.
 */
export function openBatchBuilder(): BuildBatch {
  const [entryRoom, payloadRoom, saltRoom, leafRoom] = [room(), room(), room(), room()]

  return (tip, intents) => {
    const tree = growFrom(tip.frontier)
    const chains = new Map<string, ChainHead>()
    const sealed: SealedEntry[] = []
    const entries = entryRoom(sum(intents, (intent) => bytesOf(intent) + ENTRY_OVERHEAD_MAX))
    const offsets = Buffer.allocUnsafe(4 * (intents.length + 1))
    const leafHashes = leafRoom(intents.length * HASH_BYTES)
    let at = 0
    intents.forEach((intent, nth) => {
      const { source, id, chain } = intent
      const before = chains.get(chain) ?? tip.chains.get(chain) ?? EMPTY_CHAIN
      const seq = before.seq + 1
      const end = writeEntry(entries, at + LENGTH_BYTES, { intent, prev: before.head, seq })
      const { entryHash, leafHash } = hashEntry(entries, at + LENGTH_BYTES, end)
      chains.set(chain, { seq, head: entryHash })
      sealed.push({ source, id, chain, seq, index: tip.frontier.size + nth, hash: entryHash })
      tree.append(leafHash)
      leafHashes.write(leafHash, nth * HASH_BYTES, 'latin1')
      offsets.writeUInt32BE(at, 4 * nth)
      entries.writeUInt16BE(end - at - LENGTH_BYTES, at)
      at = end
    })
    offsets.writeUInt32BE(at, 4 * intents.length)
    return {
      intents,
      sealed,
      entries: entries.subarray(0, at),
      offsets,
      leafHashes,
      ...gatherPayloads(intents, { saltRoom, payloadRoom }),
      frontier: tree.frontier(),
      chains,
    }
  }
}

const ENTRY_OVERHEAD_MAX = LENGTH_BYTES + PLACE_BYTES_MAX

/**
 * Hashes the entry where it stands. The byte before it, which is still free, makes it RFC 6962's
 * leaf.
 */
function hashEntry(
  entries: Buffer,
  begin: number,
  end: number,
): { entryHash: string; leafHash: string } {
  entries[begin - 1] = 0
  return {
    entryHash: hash('sha256', entries.subarray(begin, end), 'hex'),
    leafHash: hash('sha256', entries.subarray(begin - 1, end), 'binary'),
  }
}

function gatherPayloads(
  intents: readonly PreparedIntent[],
  { saltRoom, payloadRoom }: { saltRoom: Room; payloadRoom: Room },
): { salts: Buffer; payloads: Buffer; payloadOffsets: Buffer } {
  const salts = saltRoom(intents.length * SALT_BYTES)
  const payloads = payloadRoom(
    sum(intents, ({ begin, payloadEnd }) => payloadEnd - begin - SALT_BYTES),
  )
  const payloadOffsets = Buffer.allocUnsafe(4 * (intents.length + 1))
  let at = 0
  intents.forEach(({ memory, begin, payloadEnd }, nth) => {
    payloadOffsets.writeUInt32BE(at, 4 * nth)
    memory.copy(salts, nth * SALT_BYTES, begin, begin + SALT_BYTES)
    at += memory.copy(payloads, at, begin + SALT_BYTES, payloadEnd)
  })
  payloadOffsets.writeUInt32BE(at, 4 * intents.length)
  return { salts, payloads, payloadOffsets }
}

type Room = (bytes: number) => Buffer

/** Memory that is used again, and grows when more is asked for. */
function room(): Room {
  let memory = Buffer.alloc(0)
  return (bytes) => {
    if (memory.length < bytes) memory = Buffer.allocUnsafe(bytes * 2)
    return memory.subarray(0, bytes)
  }
}

function sum(
  intents: readonly PreparedIntent[],
  bytesOf: (intent: PreparedIntent) => number,
): number {
  return intents.reduce((total, intent) => total + bytesOf(intent), 0)
}

/** Two builders, one after the other: each one's batch lasts until its next. */
export function openBuildersInTurn(): BuildBatch {
  let [next, last] = [openBatchBuilder(), openBatchBuilder()]
  return (tip, intents) => {
    ;[next, last] = [last, next]
    return last(tip, intents)
  }
}
