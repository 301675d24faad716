import { hash } from 'node:crypto'
import { canonicalJson } from './canonical.ts'

/** Bytes of one entry at most. A C2SP entry bundle would allow 65,535. */
export const ENTRY_BYTES_MAX = 8_192

/** Bytes of one canonical payload at most. */
export const PAYLOAD_BYTES_MAX = 65_536

/** Bytes of the salt of a payload's commitment. */
export const SALT_BYTES = 32

/** The `prev` of a chain's first entry. */
export const GENESIS = '0'.repeat(64)

/** What the log holds of one audited act. Never personal data: the payload is only committed to. */
export interface LeafEntry {
  readonly v: 1
  /** The producing service. With `id` it is the idempotency key, for ever. */
  readonly source: string
  readonly id: string
  /** The tenant's chain, or `substrate`. */
  readonly chain: string
  /** Gapless in its chain, from 1. */
  readonly seq: number
  /** Hex SHA-256 of the chain's previous entry; `GENESIS` exactly when `seq` is 1. */
  readonly prev: string
  /** UTC with milliseconds: when the source committed the fact. */
  readonly time: string
  readonly actor: { readonly id: string; readonly kind: 'human' | 'agent' | 'service' }
  readonly action: string
  readonly target: string
  readonly phase: 'fact' | 'intent' | 'outcome'
  /** The id of the intent that an outcome closes; present exactly for outcomes. */
  readonly of?: string
  /** W3C trace id; 32 zeros where no trace was recorded. */
  readonly trace: string
  /** Hex commitment to salt and payload, see `commitPayload`. */
  readonly payload: string
}

/**
 * The entry's one encoding: RFC 8785 JSON in UTF-8.
 *
 * @throws TypeError when it is not a leaf entry, RangeError above `ENTRY_BYTES_MAX`.
 */
export function encodeEntry(entry: LeafEntry): Buffer {
  checkEntry(entry)
  const bytes = Buffer.from(canonicalJson(entry))
  if (bytes.length > ENTRY_BYTES_MAX) {
    throw new RangeError(
      `the entry has ${bytes.length} bytes; at most ${ENTRY_BYTES_MAX} are allowed`,
    )
  }
  return bytes
}

/**
 * The entry of these bytes. Takes only what `encodeEntry` writes, to the byte: no other key, order,
 * spelling of a number or escape.
 *
 * @throws TypeError when the bytes are not an entry, RangeError above `ENTRY_BYTES_MAX`.
 */
export function decodeEntry(bytes: Uint8Array): LeafEntry {
  if (bytes.length > ENTRY_BYTES_MAX) {
    throw new RangeError(`an entry has at most ${ENTRY_BYTES_MAX} bytes`)
  }
  const entry = parseJson(bytes)
  checkEntry(entry)
  if (Buffer.compare(Buffer.from(canonicalJson(entry)), bytes) !== 0) {
    throw new TypeError('the entry is not in canonical form')
  }
  return entry
}

/** SHA-256 of the entry's bytes: the chain's head after it, and the next entry's `prev` in hex. */
export function entryHash(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}

/**
 * The commitment that stands in the entry instead of the payload: SHA-256(salt ‖ canonical
 * payload). Without the salt nobody can guess the payload from it, so deleting the salt erases it.
 *
 * @throws TypeError when the payload is not JSON, RangeError above `PAYLOAD_BYTES_MAX` or when the
 * salt is not of `SALT_BYTES`.
 */
export function commitPayload(salt: Uint8Array, payload: unknown): Buffer {
  if (salt.length !== SALT_BYTES) throw new RangeError(`a salt has ${SALT_BYTES} bytes`)
  const canonical = Buffer.from(canonicalJson(payload))
  if (canonical.length > PAYLOAD_BYTES_MAX) {
    throw new RangeError(
      `the payload has ${canonical.length} bytes; at most ${PAYLOAD_BYTES_MAX} are allowed`,
    )
  }
  return hash('sha256', Buffer.concat([salt, canonical]), 'buffer')
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown
  } catch (cause) {
    throw new TypeError('the entry is not JSON in UTF-8', { cause })
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const HASH_HEX = /^[0-9a-f]{64}$/
const TRACE = /^[0-9a-f]{32}$/

// Only what the chain and the proofs rest on is checked here. How a name or an action is spelled is
// the business of the contracts, which may grow.
const RULES: Readonly<Record<keyof LeafEntry, (value: unknown) => boolean>> = {
  v: (value) => value === 1,
  source: isText,
  id: (value) => matches(value, UUID),
  chain: isText,
  seq: (value) => Number.isSafeInteger(value) && Number(value) >= 1,
  prev: (value) => matches(value, HASH_HEX),
  time: isTime,
  actor: isActor,
  action: isText,
  target: isText,
  phase: (value) => value === 'fact' || value === 'intent' || value === 'outcome',
  of: (value) => matches(value, UUID),
  trace: (value) => matches(value, TRACE),
  payload: (value) => matches(value, HASH_HEX),
}
const OUTCOME_KEYS = Object.keys(RULES) as (keyof LeafEntry)[]
const KEYS = OUTCOME_KEYS.filter((key) => key !== 'of')

function checkEntry(value: unknown): asserts value is LeafEntry {
  if (!isRecord(value)) throw new TypeError('an entry is an object')
  const keys = value['phase'] === 'outcome' ? OUTCOME_KEYS : KEYS
  const wrong = keys.find((key) => !Object.hasOwn(value, key) || !RULES[key](value[key]))
  if (wrong !== undefined) throw new TypeError(`the entry's "${wrong}" is missing or wrong`)
  if (Object.keys(value).length !== keys.length) throw new TypeError('the entry has a stray key')
  if ((value['seq'] === 1) !== (value['prev'] === GENESIS)) {
    throw new TypeError('only the first entry of a chain has no previous one')
  }
}

function isActor(value: unknown): boolean {
  if (!isRecord(value) || Object.keys(value).length !== 2) return false
  const { id, kind } = value
  return isText(id) && (kind === 'human' || kind === 'agent' || kind === 'service')
}

/** Whether this is a time as entries have it: UTC with milliseconds, a date of the calendar. */
export function isTime(value: unknown): boolean {
  if (typeof value !== 'string' || value.length !== 24) return false
  const time = new Date(value)
  return !Number.isNaN(time.getTime()) && time.toISOString() === value
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
