import { decodeCanonicalBase64 } from './base64.ts'
import { HASH_BYTES } from './merkle.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'

/** Hashes of one inclusion proof at most: no tree is higher. */
export const PROOF_HASHES_MAX = 63

/**
 * Characters of a proof file at most: an entry, 63 hashes and a hundred signatures fit several
 * times.
 */
export const PROOF_CHARACTERS_MAX = 1_048_576

/** What a `.tlog-proof` file holds (C2SP tlog-proof@v1). */
export interface ProofFile {
  /** In a receipt of this log: the entry's bytes. */
  readonly extra?: Uint8Array
  /** Place of the entry in the log, from 0. */
  readonly index: number
  /** The inclusion proof, 32 bytes each, from the leaf's sibling upward. */
  readonly hashes: readonly Buffer[]
  /**
   * The signed checkpoint, verbatim. Absent in the pending form, which then has no hashes either.
   */
  readonly checkpoint?: string
}

/**
 * The text of a proof file. Without a checkpoint it is the pending form: sealed, but not yet
 * covered by a signed checkpoint. The same lines, with nothing after the blank one.
 *
 * @throws TypeError when a field does not fit.
 */
export function formatProof(proof: ProofFile): string {
  const { extra, index, hashes, checkpoint } = proof
  if (!Number.isSafeInteger(index) || index < 0) throw new TypeError('an index is a whole number')
  if (hashes.length > PROOF_HASHES_MAX || hashes.some((hash) => hash.length !== HASH_BYTES)) {
    throw new TypeError(`a proof has at most ${PROOF_HASHES_MAX} hashes of ${HASH_BYTES} bytes`)
  }
  if (checkpoint === undefined ? hashes.length > 0 : checkpoint === '') {
    throw new TypeError('a proof has a checkpoint, unless it is pending and has no hashes either')
  }
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${Buffer.from(extra).toString('base64')}`]),
    `index ${index}`,
    ...hashes.map((hash) => hash.toString('base64')),
  ]
  return `${lines.join('\n')}\n\n${checkpoint ?? ''}`
}

/** The proof that `text` holds. Throws TypeError unless `formatProof` could have written it. */
export function parseProof(text: string): ProofFile {
  if (text.length > PROOF_CHARACTERS_MAX) throw new TypeError('the proof file is too long')
  if (!text.startsWith(`${HEADER}\n`)) throw new TypeError(`a proof file begins with ${HEADER}`)
  const end = text.indexOf('\n\n')
  if (end < 0) throw new TypeError('a proof file has a blank line before its checkpoint')
  const [, ...lines] = text.slice(0, end).split('\n', PROOF_HASHES_MAX + 4)
  const extra = lines[0]?.startsWith('extra ') === true ? parseExtra(lines.shift()) : undefined
  const index = parseIndex(lines.shift())
  if (lines.length > PROOF_HASHES_MAX) throw new TypeError('the proof has too many hashes')
  const hashes = lines.map(parseHash)
  const checkpoint = text.slice(end + 2)
  if (checkpoint === '' && hashes.length > 0) throw new TypeError('the checkpoint is missing')
  return {
    ...(extra === undefined ? {} : { extra }),
    index,
    hashes,
    ...(checkpoint === '' ? {} : { checkpoint }),
  }
}

function parseExtra(line = ''): Buffer {
  const bytes = decodeCanonicalBase64(line.slice('extra '.length))
  if (bytes === undefined) throw new TypeError('the extra line is not base64')
  return bytes
}

function parseIndex(line = ''): number {
  const [, digits] = /^index (0|[1-9][0-9]{0,15})$/.exec(line) ?? []
  const index = Number(digits)
  if (!Number.isSafeInteger(index)) throw new TypeError('the index line is missing or wrong')
  return index
}

function parseHash(line: string): Buffer {
  const bytes = decodeCanonicalBase64(line)
  if (bytes?.length !== HASH_BYTES) throw new TypeError('a proof line is not a hash of 32 bytes')
  return bytes
}
