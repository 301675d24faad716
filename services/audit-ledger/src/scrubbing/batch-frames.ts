import { HASH_BYTES } from '@mumega/tlog/merkle'
import { framesOf, hashLeaf } from '../signing/frames.ts'

/** A batch as the database gives it back; a part is undefined where it is absent or too long. */
export interface StoredBatch {
  readonly firstIndex: number
  readonly count: number
  readonly entries: Buffer | undefined
  readonly offsets: Buffer | undefined
  readonly leafHashes: Buffer | undefined
  /** Undefined where there is no row of payloads. */
  readonly payloads: StoredPayloads | undefined
}

export interface StoredPayloads {
  readonly salts: Buffer | undefined
  readonly payloads: Buffer | undefined
  readonly offsets: Buffer | undefined
}

/** The entries of a batch, told apart. */
export interface BatchFrames {
  /** Undefined when their lengths do not tell them apart. */
  readonly entries: readonly Buffer[] | undefined
  /** SHA-256(0x00 ‖ entry) of each, in latin1. */
  readonly computed: readonly string[]
  /** As they are stored, in latin1. */
  readonly leaves: readonly string[]
  /** Offsets that are not where an entry begins, the last one where all of them end. */
  readonly wrongOffsets: readonly WrongOffset[]
}

/** The nth of the offsets of a batch. */
export interface WrongOffset {
  readonly nth: number
  readonly expected: number
  readonly found: string
}

const LENGTH_BYTES = 2

/** Tells the entries of a batch apart by the lengths in front of them. */
export function splitBatch({ entries, offsets, leafHashes }: StoredBatch): BatchFrames {
  const text = leafHashes?.toString('latin1') ?? ''
  const leaves = Array.from({ length: Math.floor(text.length / HASH_BYTES) }, (_, nth) =>
    text.slice(nth * HASH_BYTES, (nth + 1) * HASH_BYTES),
  )
  const frames = entries && framesByLength(entries, leaves.length)
  return {
    entries: frames,
    computed: frames?.map(hashLeaf) ?? [],
    leaves,
    wrongOffsets: frames === undefined ? [] : wrongOffsets(frames, offsets),
  }
}

function framesByLength(entries: Buffer, count: number): Buffer[] | undefined {
  try {
    const frames = framesOf(entries)
    return frames.length === count ? frames : undefined
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return undefined
  }
}

/** Numbers of four bytes each, big endian. */
export function numbersOf(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, nth) =>
    bytes.readUInt32BE(4 * nth),
  )
}

function wrongOffsets(frames: readonly Buffer[], offsets: Buffer | undefined): WrongOffset[] {
  const stored = offsets === undefined ? [] : numbersOf(offsets)
  const wanted = [0]
  for (const frame of frames) wanted.push((wanted.at(-1) ?? 0) + LENGTH_BYTES + frame.length)
  return wanted.flatMap((expected, nth) =>
    stored[nth] === expected ? [] : [{ nth, expected, found: `${stored[nth] ?? 'nothing'}` }],
  )
}
