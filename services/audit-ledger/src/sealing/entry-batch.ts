import { hash, randomFillSync } from 'node:crypto'
import type { SealedEntry } from '@mumega/contracts/audit'
import { ENTRY_BYTES_MAX, GENESIS, SALT_BYTES } from '@mumega/tlog/entry'
import { extendFrontier, type Frontier } from '@mumega/tlog/merkle'
import { writeEntry, type PreparedIntent } from './intent.ts'

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
  /** Heads of at least the chains that the batch touches; a chain without entries may be missing. */
  readonly chains: ReadonlyMap<string, ChainHead>
}

/** One group commit: bytes as they are stored, and what follows from them. */
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

const LENGTH_BYTES = 2
const UTF8_BYTES_MAX = 3

/** Gives each intent, in order, its place in its chain and in the log. Pure but for the salts. */
export function buildBatch(tip: LogTip, intents: readonly PreparedIntent[]): EntryBatch {
  const salts = randomFillSync(Buffer.allocUnsafe(intents.length * SALT_BYTES))
  const payloads = writePayloads(intents, salts)
  const chains = new Map<string, ChainHead>()
  const sealed: SealedEntry[] = []
  const leaves: Buffer[] = []
  const texts = intents.map((intent, nth) => {
    const { source, id, chain } = intent
    const before = chains.get(chain) ?? tip.chains.get(chain) ?? EMPTY_CHAIN
    const seq = before.seq + 1
    const payloadHex = payloads.hashes[nth] ?? ''
    const text = writeEntry(intent.parts, { payloadHex, prev: before.head, seq })
    const { entryHash, leafHash } = hashEntry(text)
    chains.set(chain, { seq, head: entryHash })
    sealed.push({ source, id, chain, seq, index: tip.frontier.size + nth, hash: entryHash })
    leaves.push(leafHash)
    return text
  })
  return {
    intents,
    sealed,
    ...frameEntries(texts),
    leafHashes: Buffer.concat(leaves),
    salts,
    payloads: payloads.bytes,
    payloadOffsets: payloads.offsets,
    frontier: extendFrontier(tip.frontier, leaves),
    chains,
  }
}

// One scratch buffer, as hashing is synchronous: the zero byte of RFC 6962 in front, the entry behind it.
const leafInput = Buffer.alloc(1 + ENTRY_BYTES_MAX)

function hashEntry(text: string): { entryHash: string; leafHash: Buffer } {
  if (text.length > ENTRY_BYTES_MAX / UTF8_BYTES_MAX && Buffer.byteLength(text) > ENTRY_BYTES_MAX) {
    throw new Error(`an entry of over ${ENTRY_BYTES_MAX} bytes passed the contract's bounds`)
  }
  const bytes = leafInput.write(text, 1)
  return {
    entryHash: hash('sha256', leafInput.subarray(1, 1 + bytes), 'hex'),
    leafHash: hash('sha256', leafInput.subarray(0, 1 + bytes), 'buffer'),
  }
}

function frameEntries(texts: readonly string[]): { entries: Buffer; offsets: Buffer } {
  const charactersMax = texts.reduce((sum, text) => sum + text.length, 0)
  const entries = Buffer.allocUnsafe(charactersMax * UTF8_BYTES_MAX + texts.length * LENGTH_BYTES)
  const offsets = Buffer.allocUnsafe(4 * (texts.length + 1))
  let at = 0
  texts.forEach((text, nth) => {
    offsets.writeUInt32BE(at, 4 * nth)
    const bytes = entries.write(text, at + LENGTH_BYTES)
    entries.writeUInt16BE(bytes, at)
    at += LENGTH_BYTES + bytes
  })
  offsets.writeUInt32BE(at, 4 * texts.length)
  return { entries: entries.subarray(0, at), offsets }
}

interface WrittenPayloads {
  bytes: Buffer
  offsets: Buffer
  /** Hex commitments SHA-256(salt ‖ payload). */
  hashes: string[]
}

function writePayloads(intents: readonly PreparedIntent[], salts: Buffer): WrittenPayloads {
  const charactersMax = intents.reduce((sum, intent) => sum + intent.payload.length, 0)
  const bytes = Buffer.allocUnsafe(charactersMax * UTF8_BYTES_MAX)
  const offsets = Buffer.allocUnsafe(4 * (intents.length + 1))
  const hashes: string[] = []
  let at = 0
  intents.forEach(({ payload }, nth) => {
    offsets.writeUInt32BE(at, 4 * nth)
    const length = bytes.write(payload, at)
    const salt = salts.subarray(nth * SALT_BYTES, (nth + 1) * SALT_BYTES)
    hashes.push(commit(salt, bytes.subarray(at, at + length)))
    at += length
  })
  offsets.writeUInt32BE(at, 4 * intents.length)
  return { bytes: bytes.subarray(0, at), offsets, hashes }
}

const commitInput = Buffer.alloc(SALT_BYTES + 65_536)

function commit(salt: Buffer, payload: Buffer): string {
  commitInput.set(salt, 0)
  commitInput.set(payload, SALT_BYTES)
  return hash('sha256', commitInput.subarray(0, SALT_BYTES + payload.length), 'hex')
}
