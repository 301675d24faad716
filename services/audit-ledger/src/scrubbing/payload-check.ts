import { hash } from 'node:crypto'
import { canonicalJson } from '@mumega/tlog/canonical'
import { SALT_BYTES, type LeafEntry } from '@mumega/tlog/entry'
import { REDACTED_ACTION, REDACTING_SOURCE, redactionTarget } from '@mumega/tlog/receipt'
import { numbersOf, type StoredBatch } from './batch-frames.ts'
import type { PlacedEntry } from './chain-check.ts'
import { ERASED_HASH } from '../sealing/log-repository.ts'
import { decodeFound } from './chain-end-check.ts'
import { digestOf, type PassFindings } from './finding.ts'
import { keyPlace, type StoredKey } from './key-check.ts'
import type { ReadRedaction } from './key-repository.ts'

/** What stands behind one entry's commitment. */
interface Disclosed {
  readonly salt: Buffer
  readonly payload: Buffer
}

/**
 * Payloads and salts of a batch, one of each an entry; undefined where they cannot be told apart,
 * which is reported. A row that is not there is a finding of its own: nothing erases whole rows.
 */
export function splitPayloads(
  findings: PassFindings,
  { firstIndex, payloads: stored }: StoredBatch,
  count: number,
): Disclosed[] | undefined {
  const place = `payloads of batch ${firstIndex}`
  if (stored === undefined) {
    findings.report({ kind: 'payloads-missing', place, expected: `${count}`, found: 'no row' })
    return undefined
  }
  const { salts, payloads } = stored
  const ends = stored.offsets === undefined ? [] : numbersOf(stored.offsets)
  const isWhole =
    salts?.length === count * SALT_BYTES &&
    ends.length === count + 1 &&
    ends[0] === 0 &&
    ends.at(-1) === payloads?.length &&
    ends.every((end, nth) => end >= (ends[nth - 1] ?? 0))
  if (!isWhole) {
    const found = `${salts?.length ?? 'too many'} bytes of salts, ${ends.length} offsets`
    const expected = `${count * SALT_BYTES} bytes of salts, ${count + 1} offsets that ascend`
    findings.report({ kind: 'payloads-torn', place, expected, found })
    return undefined
  }
  return ends.slice(1).map((end, nth) => ({
    salt: salts.subarray(nth * SALT_BYTES, (nth + 1) * SALT_BYTES),
    payload: payloads?.subarray(ends[nth], end) ?? NOTHING,
  }))
}

const NOTHING = Buffer.alloc(0)

/** What belongs to an entry, besides its bytes. */
interface Belongings {
  readonly disclosed: Disclosed | undefined
  readonly key: StoredKey | undefined
  readonly redaction: ReadRedaction | undefined
}

interface PayloadTools {
  readonly findings: PassFindings
  /** Whether the entry that tells of a redaction should be in the log by now. */
  readonly isLate: (redactionId: string) => boolean
}

/**
 * Compares a payload with the entry's commitment, and both with the key's hash over the intent,
 * which holds the payload without its salt: it tells which of the three changed. A payload that is
 * erased is as it should be where a redaction is on record, and an entry of the log tells of it.
 */
export function checkPayload(
  { findings, isLate }: PayloadTools,
  { entry, index, isInDoubt }: PlacedEntry,
  { disclosed, key, redaction }: Belongings,
): void {
  if (entry === undefined || isInDoubt || disclosed === undefined) {
    findings.hide()
    return
  }
  const { salt, payload } = disclosed
  const place = `entry ${index}`
  if (redaction !== undefined && payload.length === 0 && salt.equals(NO_SALT)) {
    if (key !== undefined && key.intentHash !== ERASED_HASH) {
      const altered = `${keyPlace(entry)}, intent hash`
      const expected = 'an erased one'
      findings.report({ kind: 'key-altered', place: altered, expected, found: ANOTHER })
    }
    if (isTold(entry, redaction)) return
    const { redactionId } = redaction
    // The redaction is committed first, and sealed as every intent is.
    if (redaction.bytes === undefined && !isLate(redactionId)) findings.hide()
    else {
      const expected = `${REDACTED_ACTION} of ${redactionTarget(entry)} in the entry ${redactionId}`
      const found = redaction.bytes === undefined ? 'no entry' : digestOf(redaction.bytes)
      findings.report({ kind: 'redaction-missing', place, expected, found })
    }
    return
  }
  if (redaction !== undefined && key?.intentHash === ERASED_HASH) {
    // It may have been erased between the reading of the payload and that of the key.
    if (!isLate(redaction.redactionId)) findings.hide()
    else findings.report({ kind: 'payload-altered', place, expected: 'none', found: 'one again' })
    return
  }
  const found = hash('sha256', Buffer.concat([salt, payload]), 'hex')
  const intent = key && intentHashOf(entry, key.number, payload)
  if (found !== entry.payload) {
    const kind =
      intent === key?.intentHash && key !== undefined ? 'salt-altered' : 'payload-altered'
    findings.report({ kind, place, expected: entry.payload, found: ANOTHER })
  } else if (key !== undefined && intent !== key.intentHash) {
    findings.report({
      kind: 'key-altered',
      place: `${keyPlace(entry)}, intent hash or number`,
      expected: 'what follows from the entry and its payload',
      found: ANOTHER,
    })
  }
}

// A hash over a payload is never told: a finding is an entry, too, and would outlive an erasure.
const ANOTHER = 'another hash'
const NO_SALT = Buffer.alloc(SALT_BYTES)

/** Whether the log itself says that the payload of this entry was erased. */
function isTold(entry: LeafEntry, { bytes, redactionId }: ReadRedaction): boolean {
  const told = decodeFound(bytes)
  return (
    told?.source === REDACTING_SOURCE &&
    told.id === redactionId &&
    told.action === REDACTED_ACTION &&
    told.target === redactionTarget(entry) &&
    told.chain === entry.chain
  )
}

/**
 * SHA-256, in latin1, over the canonical intent that became this entry; `sealing/intent.ts` makes
 * it the other way round.
 */
function intentHashOf(entry: LeafEntry, number: number, payload: Buffer): string {
  const { action, actor, chain, id, of, phase, target, time } = entry
  const before = { action, actor, chain, id, number, ...(of !== undefined && { of }) }
  // The keys of canonical JSON are sorted: all of these come before `payload`, the others behind.
  const begin = canonicalJson(before).slice(0, -1)
  const end = canonicalJson({ phase, target, time }).slice(1)
  const text = Buffer.concat([Buffer.from(`${begin},"payload":`), payload, Buffer.from(`,${end}`)])
  return hash('sha256', text, 'binary')
}
