import { decodeCanonicalBase64 } from './base64.ts'
import { canonicalJson } from './canonical.ts'
import { isTime } from './entry.ts'
import { parseExactJson } from './exact-json.ts'
import { FILTER_KEYS, parseFilter, type ExportFilter } from './export-filter.ts'
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
  readonly filter: ExportFilter
  /** Whether payloads were asked for: then each entry has its own, or says that it was erased. */
  readonly isDisclosed: boolean
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
const DISCLOSURE_KEYS = ['salt', 'payload']
const ORDERS = new Map([
  ['disclosure', DISCLOSURE_KEYS],
  ['filter', FILTER_KEYS],
])

/**
 * What one line says. Takes only what the ledger's export writes, letter for letter: no other key,
 * order, space, escape or spelling of a number.
 *
 * @throws TypeError or SyntaxError saying what is wrong with it
 */
export function parseExportLine(text: string): EntryLine | TrailerLine {
  if (text.length > LINE_CHARACTERS_MAX) throw new TypeError('it is too long')
  const fields = recordOf(JSON.parse(text), 'it')
  const isTrailer = Object.hasOwn(fields, 'trailer')
  const keys = isTrailer ? TRAILER_KEYS : ENTRY_KEYS
  checkKeys(fields, keys)
  const isAsWritten = written(fields, keys) === text
  // Says more exactly what is wrong; what is written letter for letter says one thing only.
  if (!isAsWritten) parseExactJson(text)
  const line = isTrailer ? trailerOf(fields) : entryOf(fields)
  if (!isAsWritten) throw new TypeError('it is not letter for letter as the ledger writes it')
  return line
}

type Fields = Readonly<Record<string, unknown>>

/**
 * The line as an export writes it: canonical JSON, but for the order of the keys of these objects.
 *
 * @throws TypeError for what has no canonical form: lone surrogates, too many levels
 */
function written(fields: Fields, keys: readonly string[]): string {
  const texts = keys
    .filter((key) => Object.hasOwn(fields, key))
    .map((key) => {
      const value = fields[key]
      const order = ORDERS.get(key)
      const isOrdered = order !== undefined && isRecord(value)
      return `"${key}":${isOrdered ? written(value, order) : canonicalJson(value)}`
    })
  return `{${texts.join(',')}}`
}

function entryOf(fields: Fields): EntryLine {
  const { index, leafHash, entry, before, disclosure, redacted } = fields
  if (!isCount(index)) throw new TypeError('its index is missing or wrong')
  if (typeof leafHash !== 'string' || !HASH_HEX.test(leafHash)) {
    throw new TypeError('its leafHash is not 64 hex digits')
  }
  if (Array.isArray(before) && before.length === 0) throw new TypeError('its before is empty')
  if (redacted !== undefined && redacted !== true) throw new TypeError('its redacted is not true')
  if (redacted === true && disclosure !== undefined) {
    throw new TypeError('it has a payload that it says was erased')
  }
  return {
    kind: 'entry',
    index,
    leafHash,
    entry,
    before: before === undefined ? [] : rootsOf(before, 'before'),
    disclosure: disclosure === undefined ? undefined : disclosureOf(disclosure),
    isRedacted: redacted === true,
  }
}

function trailerOf(fields: Fields): TrailerLine {
  const { trailer, exportedAt, disclosed, count, firstIndex, lastIndex, size } = fields
  const { filter, after, checkpoint } = fields
  if (trailer !== 1) throw new TypeError('its version is not 1')
  if (!isTime(exportedAt)) throw new TypeError('its exportedAt is missing or no time')
  if (typeof disclosed !== 'boolean') throw new TypeError('its disclosed is not true or false')
  if (!isCount(count) || !isCount(size)) throw new TypeError('its count or size is wrong')
  if (!isOptionalCount(firstIndex) || !isOptionalCount(lastIndex)) {
    throw new TypeError('its first or last index is wrong')
  }
  if (checkpoint !== undefined && typeof checkpoint !== 'string') {
    throw new TypeError('its checkpoint is not a text')
  }
  return {
    kind: 'trailer',
    filter: parseFilter(recordOf(filter, 'its filter')),
    isDisclosed: disclosed,
    ...{ count, firstIndex, lastIndex, size, checkpoint },
    after: rootsOf(after, 'after'),
  }
}

function disclosureOf(value: unknown): { salt: string; payload: unknown } {
  const fields = recordOf(value, 'its disclosure')
  checkKeys(fields, DISCLOSURE_KEYS)
  const { salt, payload } = fields
  if (typeof salt !== 'string' || !HASH_HEX.test(salt)) {
    throw new TypeError('its salt is not 64 hex digits')
  }
  if (payload === undefined) throw new TypeError('it has a salt and no payload')
  return { salt, payload }
}

function rootsOf(value: unknown, name: string): Buffer[] {
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
  if (isRecord(value)) return value
  throw new TypeError(`${what} is no JSON object`)
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && isSize(value)
}

function isOptionalCount(value: unknown): value is number | undefined {
  return value === undefined || isCount(value)
}
