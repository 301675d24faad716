import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { AppError } from '@mumega/errors'
import { replaceFile } from './replace-file.ts'

const SEED_BYTES = 32

/**
 * The 32-byte Ed25519 seed with which the ledger signs, from a file that holds it as base64. Made
 * on the first run; whoever has it can sign for this log.
 *
 * @throws local.ledger-key-unreadable
 */
export function loadLedgerSeed(path: string): Buffer {
  if (!existsSync(path)) replaceFile(path, `${randomBytes(SEED_BYTES).toString('base64')}\n`)
  const seed = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64')
  if (seed.length === SEED_BYTES) return seed
  throw new AppError(
    'local.ledger-key-unreadable',
    'unavailable',
    `${path} does not hold a 32-byte key as base64. Restore it: the log cannot go on with another key.`,
  )
}
