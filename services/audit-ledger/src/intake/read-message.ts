import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'

const INTENTS_MAX = 64

/** The message's intents, unchecked; or why it has none. */
export function intentsOf(bytes: Uint8Array): readonly unknown[] | string {
  if (!isUtf8(bytes)) return 'the message is not UTF-8'
  let body: unknown
  try {
    body = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch {
    return 'the message is not JSON'
  }
  const found =
    typeof body === 'object' && body !== null && 'intents' in body ? body.intents : undefined
  if (!Array.isArray(found)) return 'the message has no list of intents'
  const intents: readonly unknown[] = found
  if (intents.length === 0) return 'the message holds no intent'
  if (intents.length > INTENTS_MAX) return `the message holds over ${INTENTS_MAX} intents`
  return intents
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The id of an intent that may be anything, where it has one. */
export function idOf(candidate: unknown): { id?: string } {
  const id =
    typeof candidate === 'object' && candidate !== null && 'id' in candidate
      ? candidate.id
      : undefined
  return typeof id === 'string' && UUID.test(id) ? { id } : {}
}

/**
 * What a refused intent is known by. Undefined where the value is nested so deeply that it cannot
 * be written as JSON.
 */
export function hashOf(candidate: unknown): Buffer | undefined {
  try {
    return hash('sha256', JSON.stringify(candidate), 'buffer')
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
