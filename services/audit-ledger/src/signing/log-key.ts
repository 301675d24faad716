import { hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { AppError } from '@mumega/errors'
import { formatCheckpoint, parseCheckpoint, type Checkpoint } from '@mumega/tlog/checkpoint'
import { generateVkey, openNote, parseVkey, signerFromSeed, signNote } from '@mumega/tlog/note'

/** The log's one key, and what it signs. */
export interface LogKey {
  readonly origin: string
  /** What verifies it, in the form of C2SP and Go. */
  readonly vkey: string
  sign(size: number, root: Buffer): string
  /** The checkpoint of a note; undefined unless this key signed it for this log. */
  open(note: string): Checkpoint | undefined
}

const SEED_BYTES = 32
const OTHERS_ACCESS = 0o077

/**
 * Reads the log's key from a file with the base64 of its 32-byte seed.
 *
 * @throws audit-ledger.key-unusable when the file is missing, open to others, or holds something
 * else
 */
export async function readLogKey(path: string, origin: string): Promise<LogKey> {
  const unusable = (why: string, cause?: unknown): AppError =>
    new AppError('audit-ledger.key-unusable', 'invalid', `LEDGER_KEY_FILE ${why}.`, { cause })
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS_ACCESS) !== 0) throw unusable('may be read by others: run chmod 600 on it')
    const seed = Buffer.from((await readFile(path, 'utf8')).trim(), 'base64')
    if (seed.length !== SEED_BYTES) throw unusable('does not hold the base64 of 32 bytes')
    return keyOfSeed(origin, seed)
  } catch (error) {
    if (error instanceof AppError) throw error
    throw unusable('cannot be read', error)
  }
}

function keyOfSeed(origin: string, seed: Buffer): LogKey {
  const signer = signerFromSeed(origin, seed)
  const vkey = generateVkey(origin, signer.publicKey)
  return {
    origin,
    vkey,
    sign: (size, root) => signNote(formatCheckpoint({ origin, size, root }), signer),
    open: noteOpener(vkey),
  }
}

/**
 * Gives the checkpoint of a note; undefined unless the key of this vkey signed it, for the log that
 * the key is named after.
 */
export function noteOpener(vkey: string): (note: string) => Checkpoint | undefined {
  const verifier = parseVkey(vkey)
  return (note) => {
    try {
      const checkpoint = parseCheckpoint(openNote(note, [verifier]).text)
      return checkpoint.origin === verifier.name ? checkpoint : undefined
    } catch {
      // Whatever is wrong with a note, it is not one of this log's.
      return undefined
    }
  }
}

/** The previous hash of the first anchor. */
export const NO_ANCHOR = Buffer.alloc(32)

/** Links an anchor to the one before it: SHA-256(previous anchor's hash ‖ note). */
export function anchorHash(previousHash: Buffer, note: string): Buffer {
  return hash('sha256', Buffer.concat([previousHash, Buffer.from(note)]), 'buffer')
}
