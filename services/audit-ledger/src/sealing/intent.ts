import { hash } from 'node:crypto'
import { Compile } from 'typebox/compile'
import { AuditIntent } from '@mumega/contracts/audit'
import { canonicalJson } from '@mumega/tlog/canonical'
import { PAYLOAD_BYTES_MAX } from '@mumega/tlog/entry'

/** An intent that was checked and can be sealed, with everything that does not depend on its place. */
export interface PreparedIntent {
  readonly source: string
  readonly id: string
  readonly chain: string
  readonly number: number
  readonly action: string
  readonly traceparent: string | undefined
  /** Canonical JSON. */
  readonly payload: string
  /** SHA-256 over the canonical intent, in latin1. */
  readonly intentHash: string
  /** The entry's text around the payload's commitment, `prev` and `seq`. */
  readonly parts: EntryParts
  /** About what it takes in memory and on disk. */
  readonly bytes: number
}

export interface EntryParts {
  readonly beforePayload: string
  readonly beforePrev: string
  readonly afterSeq: string
}

export type Refusal =
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'payload-too-large'; readonly actualBytes: number }

const intentCheck = Compile(AuditIntent)
const NO_TRACE = '0'.repeat(32)
// What an entry and its key row take beside the payload; only the bound of a batch rests on it.
const ENTRY_BYTES_TYPICAL = 640

/** Checks one intent of `source`. What it cannot seal it refuses with the reason; it never throws. */
export function prepareIntent(source: string, candidate: unknown): PreparedIntent | Refusal {
  if (!intentCheck.Check(candidate)) {
    return { kind: 'malformed', reason: firstComplaint(candidate) }
  }
  try {
    return prepare(source, candidate)
  } catch (error) {
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
  return {
    source,
    id: intent.id,
    chain: intent.chain,
    number: intent.number,
    action: intent.action,
    traceparent: intent.traceparent,
    payload,
    ...writeTexts(source, intent, payload),
    bytes: payloadBytes + ENTRY_BYTES_TYPICAL,
  }
}

let lastGoodTime = ''

/** Whether the text, which has the form of a time, names one. Remembers the last, as intents come in bursts. */
function isTime(text: string): boolean {
  if (text === lastGoodTime) return true
  const time = new Date(text)
  if (Number.isNaN(time.getTime()) || time.toISOString() !== text) return false
  lastGoodTime = text
  return true
}

/**
 * The entry and the intent in canonical form, written by hand: the keys' order is known, and sorting them for each
 * event measured as the most expensive step of sealing. A test compares both with the general encoder.
 */
function writeTexts(source: string, intent: AuditIntent, payload: string) {
  const target = canonicalJson(intent.target)
  const { action, chain, id, phase, time, of } = intent
  const actor = `{"id":${canonicalJson(intent.actor.id)},"kind":"${intent.actor.kind}"}`
  const start = `{"action":"${action}","actor":${actor},"chain":"${chain}","id":"${id}"`
  const closes = of === undefined ? '' : `,"of":"${of}"`
  // Without the traceparent: the same fact told again, within another trace, is the same fact.
  const text =
    `${start},"number":${intent.number}${closes},"payload":${payload},"phase":"${phase}"` +
    `,"target":${target},"time":"${time}"}`
  const trace = intent.traceparent?.slice(3, 35) ?? NO_TRACE
  return {
    intentHash: hash('sha256', text, 'binary'),
    parts: {
      beforePayload: `${start}${closes},"payload":"`,
      beforePrev: `","phase":"${phase}","prev":"`,
      afterSeq: `,"source":"${source}","target":${target},"time":"${time}","trace":"${trace}","v":1}`,
    },
  }
}

/** The entry's bytes as text, in canonical form. */
export function writeEntry(
  parts: EntryParts,
  place: { payloadHex: string; prev: string; seq: number },
): string {
  return (
    parts.beforePayload +
    place.payloadHex +
    parts.beforePrev +
    place.prev +
    '","seq":' +
    String(place.seq) +
    parts.afterSeq
  )
}

// Names the field and the rule, never the value: it may be personal.
function firstComplaint(candidate: unknown): string {
  const [error] = intentCheck.Errors(candidate)
  if (error === undefined) return 'it does not fit its contract'
  return `${error.instancePath === '' ? 'the intent' : error.instancePath} ${error.message}`.slice(
    0,
    300,
  )
}
