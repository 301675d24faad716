import { decodeCanonicalBase64 } from './base64.ts'
import { parseExactJson } from './exact-json.ts'
import { HASH_BYTES } from './merkle.ts'
import { isSize } from './subtrees.ts'

/** Characters of one line of an export at most: the largest entry and payload fit twice. */
export const LINE_CHARACTERS_MAX = 1_048_576

/** One entry of an export. */
export interface EntryLine {
  readonly kind: 'entry'
  readonly index: number
  readonly leafHash: string
  /** To be encoded, which checks it. */
  readonly entry: unknown
  /** Roots of the subtrees between the entry before and this one. */
  readonly before: readonly Buffer[]
  readonly disclosure: { readonly salt: string; readonly payload: unknown } | undefined
  /** Whether the export says that the payload was erased. */
  readonly isRedacted: boolean
}

/** The last line of an export. */
export interface TrailerLine {
  readonly kind: 'trailer'
  readonly filter: Readonly<Record<string, unknown>>
  readonly count: number
  readonly firstIndex: number | undefined
  readonly lastIndex: number | undefined
  readonly size: number
  readonly after: readonly Buffer[]
  readonly checkpoint: string | undefined
}

const ROOTS_MAX = 128
const HASH_HEX = /^[0-9a-f]{64}$/
const ENTRY_KEYS = ['index', 'leafHash', 'entry', 'before', 'disclosure', 'redacted']
const TRAILER_KEYS = [
  ...['trailer', 'exportedAt', 'filter', 'disclosed', 'count', 'firstIndex', 'lastIndex'],
  ...['size', 'after', 'checkpoint'],
]

/**
 * What one line says. Takes only what the ledger's export writes: no other key, no key twice.
 *
 * @throws TypeError or SyntaxError saying what is wrong with it
 */
export function parseExportLine(text: string): EntryLine | TrailerLine {
  if (text.length > LINE_CHARACTERS_MAX) throw new TypeError('it is too long')
  const fields = parseLine(text)
  return Object.hasOwn(fields, 'trailer') ? trailerOf(fields) : entryOf(fields)
}

type Fields = Readonly<Record<string, unknown>>

function parseLine(text: string): Fields {
  const value: unknown = JSON.parse(text)
  // A line that is written again letter for letter says one thing only. Others are looked at one
  // letter at a time, which takes ten times as long.
  if (JSON.stringify(value) !== text) parseExactJson(text)
  return recordOf(value, 'it')
}

function entryOf(fields: Fields): EntryLine {
  checkKeys(fields, ENTRY_KEYS)
  const { index, leafHash, entry, before, disclosure, redacted } = fields
  if (!isCount(index)) throw new TypeError('its index is missing or wrong')
  if (typeof leafHash !== 'string' || !HASH_HEX.test(leafHash)) {
    throw new TypeError('its leafHash is not 64 hex digits')
  }
  if (redacted !== undefined && redacted !== true) throw new TypeError('its redacted is not true')
  if (redacted === true && disclosure !== undefined) {
    throw new TypeError('it has a payload that it says was erased')
  }
  return {
    kind: 'entry',
    index,
    leafHash,
    entry,
    before: rootsOf(before, 'before'),
    disclosure: disclosure === undefined ? undefined : disclosureOf(disclosure),
    isRedacted: redacted === true,
  }
}

function trailerOf(fields: Fields): TrailerLine {
  checkKeys(fields, TRAILER_KEYS)
  const { trailer, filter, count, firstIndex, lastIndex, size, after, checkpoint } = fields
  if (trailer !== 1) throw new TypeError('its version is not 1')
  if (!isCount(count) || !isCount(size)) throw new TypeError('its count or size is wrong')
  if (!isOptionalCount(firstIndex) || !isOptionalCount(lastIndex)) {
    throw new TypeError('its first or last index is wrong')
  }
  if (checkpoint !== undefined && typeof checkpoint !== 'string') {
    throw new TypeError('its checkpoint is not a text')
  }
  return {
    kind: 'trailer',
    filter: recordOf(filter, 'its filter'),
    ...{ count, firstIndex, lastIndex, size, checkpoint },
    after: rootsOf(after, 'after'),
  }
}

function disclosureOf(value: unknown): { salt: string; payload: unknown } {
  const fields = recordOf(value, 'its disclosure')
  checkKeys(fields, ['salt', 'payload'])
  const { salt, payload } = fields
  if (typeof salt !== 'string' || !HASH_HEX.test(salt)) {
    throw new TypeError('its salt is not 64 hex digits')
  }
  if (payload === undefined) throw new TypeError('it has a salt and no payload')
  return { salt, payload }
}

function rootsOf(value: unknown, name: string): Buffer[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > ROOTS_MAX) throw new TypeError(`its ${name} is wrong`)
  return value.map((text: unknown) => {
    const root = typeof text === 'string' ? decodeCanonicalBase64(text) : undefined
    if (root?.length !== HASH_BYTES) throw new TypeError(`its ${name} holds what is no hash`)
    return root
  })
}

function checkKeys(fields: Fields, known: readonly string[]): void {
  const stray = Object.keys(fields).find((key) => !known.includes(key))
  if (stray !== undefined) throw new TypeError(`it has the unknown key "${stray.slice(0, 40)}"`)
}

function recordOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new TypeError(`${what} is no JSON object`)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && isSize(value)
}

function isOptionalCount(value: unknown): value is number | undefined {
  return value === undefined || isCount(value)
}
