import { hash, randomFillSync } from 'node:crypto'
import type { SealedEntry } from '@mumega/contracts/audit'
import { ENTRY_BYTES_MAX, GENESIS, PAYLOAD_BYTES_MAX, SALT_BYTES } from '@mumega/tlog/entry'
import { HASH_BYTES, type Frontier } from '@mumega/tlog/merkle'
import { growFrom } from './growing-tree.ts'
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

/** One group commit: bytes as they are stored, valid until the builder's next batch, and what follows from them. */
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

/** Gives each intent, in order, its place in its chain and in the log. */
export type BuildBatch = (tip: LogTip, intents: readonly PreparedIntent[]) => EntryBatch

const LENGTH_BYTES = 2
const UTF8_BYTES_MAX = 3

/**
 * Makes the builder of one sealer's batches. It writes every batch into the same memory: new megabytes for each
 * commit kept the garbage collector busier than all the hashing.
 */
export function openBatchBuilder(): BuildBatch {
  const [entries, payloads, salts, leafHashes] = [room(), room(), room(), room()]
  // One zero byte in front, as RFC 6962 hashes leaves; hashing is synchronous, so that one is enough.
  const leafInput = Buffer.alloc(1 + ENTRY_BYTES_MAX)
  const commitInput = Buffer.alloc(SALT_BYTES + PAYLOAD_BYTES_MAX)

  function hashEntry(text: string): { entryHash: string; leafHash: string } {
    if (
      text.length * UTF8_BYTES_MAX > ENTRY_BYTES_MAX &&
      Buffer.byteLength(text) > ENTRY_BYTES_MAX
    ) {
      throw new Error(`an entry of over ${ENTRY_BYTES_MAX} bytes passed the contract's bounds`)
    }
    const bytes = leafInput.write(text, 1)
    return {
      entryHash: hash('sha256', leafInput.subarray(1, 1 + bytes), 'hex'),
      leafHash: hash('sha256', leafInput.subarray(0, 1 + bytes), 'binary'),
    }
  }

  /** SHA-256(salt ‖ payload), hex. */
  function commitTo(salt: Buffer, payload: string): string {
    commitInput.set(salt, 0)
    const bytes = commitInput.write(payload, SALT_BYTES)
    return hash('sha256', commitInput.subarray(0, SALT_BYTES + bytes), 'hex')
  }

  return (tip, intents) => {
    const salted = randomFillSync(salts(intents.length * SALT_BYTES))
    const hashes = leafHashes(intents.length * HASH_BYTES)
    const tree = growFrom(tip.frontier)
    const chains = new Map<string, ChainHead>()
    const sealed: SealedEntry[] = []
    const texts = intents.map((intent, nth) => {
      const { source, id, chain } = intent
      const before = chains.get(chain) ?? tip.chains.get(chain) ?? EMPTY_CHAIN
      const seq = before.seq + 1
      const salt = salted.subarray(nth * SALT_BYTES, (nth + 1) * SALT_BYTES)
      const payloadHex = commitTo(salt, intent.payload)
      const text = writeEntry(intent.parts, { payloadHex, prev: before.head, seq })
      const { entryHash, leafHash } = hashEntry(text)
      chains.set(chain, { seq, head: entryHash })
      sealed.push({ source, id, chain, seq, index: tip.frontier.size + nth, hash: entryHash })
      tree.append(leafHash)
      hashes.write(leafHash, nth * HASH_BYTES, 'latin1')
      return text
    })
    const framed = frame(texts, entries, LENGTH_BYTES)
    const written = frame(
      intents.map(({ payload }) => payload),
      payloads,
      0,
    )
    return {
      intents,
      sealed,
      entries: framed.bytes,
      offsets: framed.offsets,
      leafHashes: hashes,
      salts: salted,
      payloads: written.bytes,
      payloadOffsets: written.offsets,
      frontier: tree.frontier(),
      chains,
    }
  }
}

/** Memory that is used again, and grows when more is asked for. */
function room(): (bytes: number) => Buffer {
  let memory = Buffer.alloc(0)
  return (bytes) => {
    if (memory.length < bytes) memory = Buffer.allocUnsafe(bytes * 2)
    return memory.subarray(0, bytes)
  }
}

/** Writes texts one behind the other, each behind its length when `lengthBytes` is 2, and where each begins. */
function frame(
  texts: readonly string[],
  memory: (bytes: number) => Buffer,
  lengthBytes: 0 | 2,
): { bytes: Buffer; offsets: Buffer } {
  let charactersMax = 0
  for (const text of texts) charactersMax += text.length
  const bytes = memory(charactersMax * UTF8_BYTES_MAX + texts.length * lengthBytes)
  const offsets = Buffer.allocUnsafe(4 * (texts.length + 1))
  let at = 0
  texts.forEach((text, nth) => {
    offsets.writeUInt32BE(at, 4 * nth)
    const length = bytes.write(text, at + lengthBytes)
    if (lengthBytes === 2) bytes.writeUInt16BE(length, at)
    at += lengthBytes + length
  })
  offsets.writeUInt32BE(at, 4 * texts.length)
  return { bytes: bytes.subarray(0, at), offsets }
}
