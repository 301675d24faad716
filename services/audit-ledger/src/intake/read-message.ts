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

/** What a refused intent is known by: SHA-256 over its JSON, and of nothing beside it. */
export function hashOf(candidate: unknown): Buffer {
  try {
    return hash('sha256', JSON.stringify(candidate), 'buffer')
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return hash('sha256', jsonOfDeep(candidate), 'buffer')
  }
}

/**
 * What a message is known by of which some intents may be sealed: the ids in it alone, as no hash
 * may stand over a payload that is erased later.
 */
export function hashOfIds(bytes: Uint8Array): Buffer {
  const candidates = intentsOf(bytes)
  const ids = typeof candidates === 'string' ? [] : candidates.map((each) => idOf(each).id ?? '')
  return hash('sha256', ids.join(' '), 'buffer')
}

type Part = { readonly text: string } | { readonly value: unknown }

/** What JSON.stringify writes of parsed JSON, without a call for each level of its nesting. */
function jsonOfDeep(value: unknown): string {
  const written: string[] = []
  const ahead: Part[] = [{ value }]
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if ('text' in part) written.push(part.text)
    else if (typeof part.value !== 'object' || part.value === null) {
      written.push(JSON.stringify(part.value))
    } else for (const inner of partsOf(part.value).reverse()) ahead.push(inner)
  }
  return written.join('')
}

function partsOf(value: object): Part[] {
  const isList = Array.isArray(value)
  const members = Object.entries(value).flatMap(([key, inner]: [string, unknown], nth): Part[] => {
    const name = isList ? '' : `${JSON.stringify(key)}:`
    return [{ text: nth === 0 ? name : `,${name}` }, { value: inner }]
  })
  return [{ text: isList ? '[' : '{' }, ...members, { text: isList ? ']' : '}' }]
}
