import { decodeCanonicalBase64 } from './base64.ts'
import { HASH_BYTES } from './merkle.ts'
import { COSIGNATURE, NoteError, openNote, SIGNATURES_MAX, type Verifier } from './note.ts'

/** Hashes of one consistency proof at most (C2SP tlog-witness). */
export const CONSISTENCY_HASHES_MAX = 63

/** Media type of the size that a witness answers a conflict with (C2SP tlog-witness). */
export const SIZE_MEDIA_TYPE = 'text/x.tlog.size'

/** The body of `POST <submission>/add-checkpoint` (C2SP tlog-witness@v1.0.0). */
export interface AddCheckpoint {
  /** Entries of the log's last checkpoint that the witness cosigned; 0 for none. */
  readonly oldSize: number
  /** The consistency proof from `oldSize`, 32 bytes each; empty when that is 0. */
  readonly proof: readonly Buffer[]
  /** The signed note, verbatim. */
  readonly checkpoint: string
}

const OLD = /^old (0|[1-9][0-9]{0,15})$/

/** The text of a submission. Throws TypeError when a field does not fit. */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0) {
    throw new TypeError('an old size is a whole number')
  }
  if (proof.length > CONSISTENCY_HASHES_MAX || proof.some((hash) => hash.length !== HASH_BYTES)) {
    throw new TypeError(`a proof has at most ${CONSISTENCY_HASHES_MAX} hashes of 32 bytes`)
  }
  if (oldSize === 0 && proof.length > 0) throw new TypeError('from size 0 there is no proof')
  const lines = [`old ${oldSize}`, ...proof.map((hash) => hash.toString('base64'))]
  return `${lines.join('\n')}\n\n${checkpoint}`
}

/** The submission that `text` holds. Throws TypeError unless it is well-formed. */
export function parseAddCheckpoint(text: string): AddCheckpoint {
  const end = text.indexOf('\n\n')
  if (end < 0) throw new TypeError('a submission has a blank line before its checkpoint')
  const [first = '', ...lines] = text.slice(0, end).split('\n', CONSISTENCY_HASHES_MAX + 2)
  const oldSize = Number(OLD.exec(first)?.[1])
  if (!Number.isSafeInteger(oldSize)) throw new TypeError('the first line reads old <size>')
  if (lines.length > CONSISTENCY_HASHES_MAX) throw new TypeError('the proof has too many hashes')
  if (oldSize === 0 && lines.length > 0) throw new TypeError('from size 0 there is no proof')
  const proof = lines.map((line) => {
    const hash = decodeCanonicalBase64(line)
    if (hash?.length !== HASH_BYTES) throw new TypeError('a proof line is not 32 bytes of base64')
    return hash
  })
  return { oldSize, proof, checkpoint: text.slice(end + 2) }
}

/** One witness's cosignature of a checkpoint, verified. */
export interface Cosignature {
  /** The signature line with its newline, to be appended to the note. */
  readonly line: string
  /** Whole seconds since 1970: when the witness had seen this checkpoint. */
  readonly timeSeconds: number
}

/**
 * The cosignature of one witness among the lines that it answered with, over the text of `note`.
 * Lines of other keys are set aside, as a note's reader does.
 *
 * @throws NoteError `malformed` when they are not signature lines, `invalid-signature` when the
 * witness's line is not over this text, `unverified` when there is none of this witness.
 */
export function findCosignature(note: string, lines: string, witness: Verifier): Cosignature {
  if (witness.type !== COSIGNATURE) throw new TypeError('a witness has a key of type 4')
  const text = textOf(note)
  if (lines.startsWith('\n') || lines.includes('\n\n')) {
    throw new NoteError('malformed', 'a signature line is never blank')
  }
  const opened = openNote(`${text}\n${lines}`, [witness])
  const [signature] = opened.signatures
  // openNote has found its line, or thrown.
  const line = lines.split('\n').find((candidate) => isLineOf(candidate, witness))
  if (signature?.timeSeconds === undefined || line === undefined) {
    throw new Error('a cosignature that was verified has a line and a time')
  }
  return { line: `${line}\n`, timeSeconds: signature.timeSeconds }
}

/** The text of a signed note: what its signatures are over. Throws NoteError. */
export function textOf(note: string): string {
  const end = note.lastIndexOf('\n\n')
  if (end < 0) throw new NoteError('malformed', 'a note has a blank line before its signatures')
  return note.slice(0, end + 1)
}

function isLineOf(line: string, { name, keyId }: Verifier): boolean {
  const [, lineName, encoded = ''] = /^— ([^ ]+) (.+)$/.exec(line) ?? []
  return lineName === name && Buffer.from(encoded, 'base64').readUInt32BE() === keyId
}

/**
 * The note with further signature lines behind its own. Throws RangeError above what a reader
 * takes.
 */
export function appendSignatures(note: string, lines: readonly string[]): string {
  const own = note.slice(note.lastIndexOf('\n\n') + 2).split('\n').length - 1
  if (own + lines.length > SIGNATURES_MAX) throw new RangeError(`over ${SIGNATURES_MAX} signatures`)
  return note + lines.join('')
}
