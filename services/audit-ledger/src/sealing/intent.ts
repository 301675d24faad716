import { hash, randomFillSync } from 'node:crypto'
import { Compile } from 'typebox/compile'
import { AuditIntent } from '@mumega/contracts/audit'
import { complaintsOf } from '@mumega/contracts/variants'
import { canonicalJson } from '@mumega/tlog/canonical'
import { ENTRY_BYTES_MAX, PAYLOAD_BYTES_MAX, SALT_BYTES } from '@mumega/tlog/entry'

/**
 * An intent that was checked and can be sealed, with every byte of it that does not depend on its
 * place.
 */
export interface PreparedIntent {
  readonly source: string
  readonly id: string
  readonly chain: string
  readonly number: number
  readonly traceparent: string | undefined
  /** SHA-256 over the canonical intent, in latin1. */
  readonly intentHash: string
  /**
   * From `begin` on: salt, canonical payload, the entry up to its `prev`, the entry behind its
   * `seq`. Many intents share the memory, because they live through a commit or two, and whatever
   * lives so long is copied by the garbage collector, object by object.
   */
  readonly memory: Buffer
  readonly begin: number
  readonly payloadEnd: number
  readonly prevAt: number
  readonly end: number
}

/** Bytes that the intent holds in memory, beside its object. */
export function bytesOf({ begin, end }: PreparedIntent): number {
  return end - begin
}

export type Refusal =
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'payload-too-large'; readonly actualBytes: number }

const intentCheck = Compile(AuditIntent)
const NO_TRACE = '0'.repeat(32)
const HASH_DIGITS = 64
const SEQ_DIGITS_MAX = 16
const BEFORE_SEQ = '","seq":'
/** What `writeEntry` adds to the prepared bytes, at most. */
export const PLACE_BYTES_MAX = HASH_DIGITS + BEFORE_SEQ.length + SEQ_DIGITS_MAX

/**
 * Checks one intent of `source`. What it cannot seal it refuses with the reason; it never throws.
 */
export function prepareIntent(source: string, candidate: unknown): PreparedIntent | Refusal {
  try {
    if (!intentCheck.Check(candidate)) {
      return { kind: 'malformed', reason: firstComplaint(candidate) }
    }
    return prepare(source, candidate)
  } catch (error) {
    // The stack's end: whatever walks a value calls itself once for each level.
    if (error instanceof RangeError) return { kind: 'malformed', reason: 'it is nested too deeply' }
    if (!(error instanceof TypeError)) throw error
    return { kind: 'malformed', reason: error.message }
  }
}

export function isRefusal(prepared: PreparedIntent | Refusal): prepared is Refusal {
  return 'kind' in prepared
}

function prepare(source: string, intent: AuditIntent): PreparedIntent | Refusal {
  if ((intent.phase === 'outcome') !== (intent.of !== undefined)) {
    return { kind: 'malformed', reason: 'exactly an outcome names the intent that it closes' }
  }
  if (!isTime(intent.time)) return { kind: 'malformed', reason: 'time is not a date' }
  const payload = canonicalJson(intent.payload)
  const payloadBytes = Buffer.byteLength(payload)
  if (payloadBytes > PAYLOAD_BYTES_MAX) {
    return { kind: 'payload-too-large', actualBytes: payloadBytes }
  }
  const texts = textsOf(source, intent, payload)
  return {
    source,
    id: intent.id,
    chain: intent.chain,
    number: intent.number,
    traceparent: intent.traceparent,
    intentHash: hash('sha256', texts.intent, 'binary'),
    ...assemble({ text: payload, bytes: payloadBytes }, texts),
  }
}

const MEMORY_BYTES = 1_048_576
let memory = Buffer.alloc(0)
let free = 0

/** A place for as many bytes, in memory that nobody else writes to. */
function roomFor(bytes: number): number {
  if (memory.length - free < bytes) {
    memory = Buffer.allocUnsafeSlow(Math.max(MEMORY_BYTES, bytes))
    free = 0
  }
  return free
}

function assemble(
  payload: { text: string; bytes: number },
  { beforeCommitment, beforePrev, afterSeq }: IntentTexts,
) {
  const begin = roomFor(SALT_BYTES + payload.bytes + 3 * ENTRY_BYTES_MAX)
  takeSalt(memory, begin)
  const payloadAt = begin + SALT_BYTES
  const payloadEnd = payloadAt + memory.write(payload.text, payloadAt)
  const commitment = hash('sha256', memory.subarray(begin, payloadEnd), 'hex')
  const prevAt = payloadEnd + memory.write(beforeCommitment + commitment + beforePrev, payloadEnd)
  const end = prevAt + memory.write(afterSeq, prevAt)
  if (end - payloadEnd + PLACE_BYTES_MAX > ENTRY_BYTES_MAX) {
    throw new Error(`an entry of over ${ENTRY_BYTES_MAX} bytes passed the contract's bounds`)
  }
  free = end
  return { memory, begin, payloadEnd, prevAt, end }
}

const salts = Buffer.alloc(256 * SALT_BYTES)
let saltAt = salts.length

/**
 * Fills `target` from `begin` on. Random bytes are fetched for many salts at a time: a call costs
 * a microsecond.
 */
function takeSalt(target: Buffer, begin: number): void {
  if (saltAt === salts.length) {
    randomFillSync(salts)
    saltAt = 0
  }
  salts.copy(target, begin, saltAt, saltAt + SALT_BYTES)
  saltAt += SALT_BYTES
}

let lastGoodTime = ''

/**
 * Whether the text, which has the form of a time, names one. Remembers the last, as intents come in
 * bursts.
 */
function isTime(text: string): boolean {
  if (text === lastGoodTime) return true
  const time = new Date(text)
  if (Number.isNaN(time.getTime()) || time.toISOString() !== text) return false
  lastGoodTime = text
  return true
}

interface IntentTexts {
  /** The intent itself, canonical. */
  readonly intent: string
  /** The entry around the payload's commitment, `prev` and `seq`. */
  readonly beforeCommitment: string
  readonly beforePrev: string
  readonly afterSeq: string
}

/**
 * The entry and the intent in canonical form, written by hand: the keys' order is known, and
 * sorting them for each event measured as the most expensive step of sealing. A test compares both
 * with the general encoder.
 */
function textsOf(source: string, intent: AuditIntent, payload: string): IntentTexts {
  const target = canonicalJson(intent.target)
  const { action, chain, id, phase, time, of } = intent
  const actor = `{"id":${canonicalJson(intent.actor.id)},"kind":"${intent.actor.kind}"}`
  const start = `{"action":"${action}","actor":${actor},"chain":"${chain}","id":"${id}"`
  const closes = of === undefined ? '' : `,"of":"${of}"`
  const trace = intent.traceparent?.slice(3, 35) ?? NO_TRACE
  return {
    // Without the traceparent: the same fact told again, within another trace, is the same fact.
    intent:
      `${start},"number":${intent.number}${closes},"payload":${payload},"phase":"${phase}"` +
      `,"target":${target},"time":"${time}"}`,
    beforeCommitment: `${start}${closes},"payload":"`,
    beforePrev: `","phase":"${phase}","prev":"`,
    afterSeq: `,"source":"${source}","target":${target},"time":"${time}","trace":"${trace}","v":1}`,
  }
}

/** Writes the entry's bytes at a place of `target`, and returns where they end. */
export function writeEntry(
  target: Buffer,
  at: number,
  { intent, prev, seq }: { intent: PreparedIntent; prev: string; seq: number },
): number {
  const { memory: from, payloadEnd, prevAt } = intent
  let end = at + from.copy(target, at, payloadEnd, prevAt)
  end += target.write(prev + BEFORE_SEQ + String(seq), end, 'latin1')
  return end + from.copy(target, end, prevAt, intent.end)
}

// Names the field and the rule, never the value: it may be personal.
function firstComplaint(candidate: unknown): string {
  const [error] = complaintsOf(intentCheck, candidate)
  if (error === undefined) return 'it does not fit its contract'
  const { instancePath = '', message = 'is wrong' } = error
  return `${instancePath === '' ? 'the intent' : instancePath} ${message}`.slice(0, 300)
}
