import { hash } from 'node:crypto'

const LENGTH_BYTES = 2

/**
 * The entries of a batch: each stands behind its length in two bytes, big endian. Throws RangeError
 * at a torn one.
 */
export function framesOf(entries: Buffer): Buffer[] {
  return mapFrames(entries, (begin, end) => entries.subarray(begin, end))
}

const leafInput = Buffer.alloc(1 + 65_535)

/** SHA-256(0x00 ‖ entry) in latin1, RFC 6962, 2.1. The entry is one of a batch's frames. */
export function hashLeaf(entry: Buffer): string {
  leafInput.set(entry, 1)
  return hash('sha256', leafInput.subarray(0, 1 + entry.length), 'binary')
}

/**
 * The leaf hashes, in latin1, of the entries of a batch, in order. Each is hashed where it stands:
 * the byte before it, of its length, becomes RFC 6962's 0x00, and so the lengths are lost. Throws
 * RangeError at a torn one.
 */
export function hashLeaves(entries: Buffer): string[] {
  return mapFrames(entries, (begin, end) => {
    entries[begin - 1] = 0
    return hash('sha256', entries.subarray(begin - 1, end), 'binary')
  })
}

/** What `take` makes of each entry, from `begin` to `end`; its length has been read then. */
function mapFrames<Taken>(entries: Buffer, take: (begin: number, end: number) => Taken): Taken[] {
  const taken: Taken[] = []
  for (let at = 0; at < entries.length;) {
    const begin = at + LENGTH_BYTES
    const end = begin > entries.length ? Infinity : begin + entries.readUInt16BE(at)
    if (end > entries.length) throw new RangeError('the last entry of a batch is cut off')
    taken.push(take(begin, end))
    at = end
  }
  return taken
}
