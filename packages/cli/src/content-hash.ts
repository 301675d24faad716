import { createHash } from 'node:crypto'
import { canonicalJson } from '@mumega/tlog/canonical'

/** The SHA-256 in hex that is signed of what a server shows; undefined where it has none. */
export function contentHash(shown: object): string | undefined {
  try {
    return createHash('sha256').update(canonicalJson(shown)).digest('hex')
  } catch (error) {
    // Half of a surrogate pair, or a number that is none.
    if (error instanceof TypeError) return undefined
    throw error
  }
}
