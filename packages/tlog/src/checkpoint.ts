import { decodeCanonicalBase64 } from './base64.ts'
import { HASH_BYTES } from './merkle.ts'

/** What a log signs: that under `origin` its first `size` entries have this Merkle root. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  /** 32 bytes. */
  readonly root: Buffer
}

const ORIGIN = /^[^\p{White_Space}\p{Cc}\p{Surrogate}+]+$/u
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/

/** Whether a log can have this name: no other one is signed or read. */
export function isOrigin(text: string): boolean {
  return ORIGIN.test(text)
}

/** The text of a checkpoint, ready for `signNote`. Throws TypeError when a field does not fit. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root } = checkpoint
  if (!ORIGIN.test(origin)) throw new TypeError('an origin holds no space, control or plus sign')
  if (!Number.isSafeInteger(size) || size < 0) throw new TypeError('a size is a whole number')
  if (root.length !== HASH_BYTES) throw new TypeError(`a root has ${HASH_BYTES} bytes`)
  return `${origin}\n${size}\n${root.toString('base64')}\n`
}

/**
 * The checkpoint of a note's text: exactly three lines. C2SP allows extension lines after them,
 * which witnesses do not agree on how to sign, so this log writes none and takes none.
 *
 * @throws TypeError
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, encoded, end, ...rest] = text.split('\n', 5)
  const root = encoded === undefined ? undefined : decodeCanonicalBase64(encoded)
  if (end !== '' || rest.length > 0 || root?.length !== HASH_BYTES) {
    throw new TypeError('a checkpoint is three lines: origin, size and root hash')
  }
  if (origin === undefined || !ORIGIN.test(origin)) {
    throw new TypeError("the checkpoint's origin is empty or holds a space or plus sign")
  }
  if (size === undefined || !SIZE.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new TypeError("the checkpoint's size is not a decimal number")
  }
  return { origin, size: Number(size), root }
}
