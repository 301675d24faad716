import { entryHash, type LeafEntry } from '@mumega/tlog/entry'
import type { Connection } from '../connection.ts'
import { splitBatch, type BatchFrames, type StoredBatch } from './batch-frames.ts'
import type { CheckedHead, PlacedEntry } from './chain-check.ts'
import { decodeFound } from './chain-end-check.ts'
import {
  readEntriesAt,
  readKeysById,
  readKeysByPlace,
  readRedactions,
  type ReadRedaction,
} from './key-repository.ts'
import { isKeyOf, type FoundKeys } from './key-check.ts'
import type { Pass, ReadBatch } from './pass.ts'
import { readSigned } from './scrub-repository.ts'
import type { SignedRows } from './signed-check.ts'

/** Everything that one step needs of the database: when it is there, checking cannot fail. */
export interface StepReads {
  readonly batches: readonly ReadBatch[]
  readonly signed: SignedRows
  /** Heads of chains that the pass has forgotten, as they were before this step. */
  readonly heads: ReadonlyMap<string, CheckedHead>
  /** By the entry whose payload was erased. */
  readonly redactions: ReadonlyMap<number, ReadRedaction>
}

const NOTHING_SIGNED: SignedRows = {
  checkpoints: new Map(),
  anchors: new Map(),
  subtrees: new Map(),
}

/** Reads what belongs to batches that stand one behind the other from the pass's next entry on. */
export async function readForStep(
  connection: Connection,
  pass: Pass,
  stored: readonly StoredBatch[],
): Promise<StepReads> {
  const split = stored.map((batch) => {
    const frames = splitBatch(batch)
    return { stored: batch, frames, entries: placedOf(batch, frames) }
  })
  const begin = pass.next()
  const entries = split.flatMap((batch) => batch.entries)
  const leaves = split.reduce((sum, { frames }) => sum + frames.leaves.length, 0)
  const end = Math.min(begin + leaves, pass.plan.signedSize)
  const signed = end > begin ? await readSigned(connection, { begin, end }) : NOTHING_SIGNED
  const keys = await findKeys(connection, entries)
  const heads = await findHeads(connection, pass, entries)
  // After the payloads: what was erased since then is not taken for erased by nobody.
  const redactions = await readRedactions(connection, { begin, end: begin + leaves })
  return {
    batches: split.map((batch) => ({
      ...batch,
      keys: batch.entries.map((placed) => keys.get(placed) ?? NO_KEYS),
    })),
    signed,
    heads,
    redactions,
  }
}

const NO_KEYS: FoundKeys = { byPlace: undefined, byId: undefined }

/** None where the batch is torn. */
function placedOf({ firstIndex }: StoredBatch, frames: BatchFrames): PlacedEntry[] {
  return (frames.entries ?? []).map((bytes, nth) => ({
    index: firstIndex + nth,
    entry: entryOf(bytes),
    hash: entryHash(bytes).toString('hex'),
    isInDoubt: frames.computed[nth] !== frames.leaves[nth],
  }))
}

/** Undefined where it is none, or names what the database cannot even be asked for. */
function entryOf(bytes: Buffer): LeafEntry | undefined {
  const entry = decodeFound(bytes)
  return entry?.chain.includes('\0') === true || entry?.source.includes('\0') === true
    ? undefined
    : entry
}

interface Known extends PlacedEntry {
  readonly entry: LeafEntry
}

function isKnown(placed: PlacedEntry): placed is Known {
  return placed.entry !== undefined
}

async function findKeys(
  connection: Connection,
  entries: readonly PlacedEntry[],
): Promise<Map<PlacedEntry, FoundKeys>> {
  const known = entries.filter(isKnown)
  const byPlace = await readKeysByPlace(
    connection,
    known.map(({ entry }) => entry),
  )
  const strange = known.filter((placed, nth) => !isKeyOf(byPlace.get(nth), placed))
  const byId =
    strange.length === 0
      ? new Map<number, never>()
      : await readKeysById(
          connection,
          strange.map(({ entry }) => entry),
        )
  const found = new Map<PlacedEntry, FoundKeys>()
  known.forEach((placed, nth) => {
    found.set(placed, { byPlace: byPlace.get(nth), byId: undefined })
  })
  strange.forEach((placed, nth) => {
    found.set(placed, { byPlace: found.get(placed)?.byPlace, byId: byId.get(nth) })
  })
  return found
}

async function findHeads(
  connection: Connection,
  { chains, doubtful }: Pass,
  entries: readonly PlacedEntry[],
): Promise<Map<string, CheckedHead>> {
  const first = new Map<string, number>()
  for (const { entry } of entries.filter(isKnown)) {
    if (!first.has(entry.chain) && chains.needs(entry.chain)) first.set(entry.chain, entry.seq - 1)
  }
  // Of a chain that begins in this step nothing stands before it, whatever follows.
  const wanted = [...first].flatMap(([chain, seq]) => (seq === 0 ? [] : [{ chain, seq }]))
  const found = await readEntriesAt(connection, wanted)
  const heads = new Map<string, CheckedHead>()
  wanted.forEach(({ chain, seq }, nth) => {
    const pointed = found.get(nth)
    if (pointed?.bytes === undefined) return
    const isInDoubt = pointed.batchIndex !== undefined && doubtful.has(pointed.batchIndex)
    const head = entryHash(pointed.bytes).toString('hex')
    heads.set(chain, { seq, head, isInDoubt })
  })
  return heads
}
