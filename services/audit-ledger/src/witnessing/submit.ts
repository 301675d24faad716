import type { Knex } from '@mumega/db'
import { verifyConsistency } from '@mumega/tlog/merkle'
import { NoteError } from '@mumega/tlog/note'
import { findCosignature, formatAddCheckpoint, type Cosignature } from '@mumega/tlog/witness'
import { proveConsistency, readNodes } from '../receipts/inclusion.ts'
import { getHashes } from '../receipts/proof-repository.ts'
import { findSigned, type Refusal, type RefusalFault } from './cosignature-repository.ts'
import type { Target } from './targets.ts'
import { submitCheckpoint, type WitnessAnswer } from './witness-client.ts'
import type { Witness } from './witness-policy.ts'

/** What came of offering one checkpoint to one witness. */
export type SubmitOutcome =
  | { readonly kind: 'cosigned'; readonly cosignature: Cosignature }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number }

export interface Offer {
  readonly db: Knex
  readonly witness: Witness
  readonly target: Target
  /** Entries of the checkpoint that the witness cosigned last, as far as is known. */
  readonly knownSize: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

// Between our clock and that of a witness.
const SKEW_MS_MAX = 300_000

/**
 * Offers a checkpoint with the proof that it follows the last one of this witness; where the
 * witness is elsewhere, once more from there. Nothing that it says is believed unverified.
 *
 * @throws what the database throws, and Error when the stored tree does not prove what was signed
 */
export async function offerCheckpoint(offer: Offer): Promise<SubmitOutcome> {
  const { target } = offer
  // Behind a log that was set back, what we know of a witness may be more than there is.
  const oldSize = Math.min(offer.knownSize, target.size)
  const answer = await submitFrom(offer, oldSize)
  if (answer.kind !== 'stale') return judge(offer, answer)
  if (answer.size > target.size) {
    const reason = `it has cosigned ${answer.size} entries of this log, which has ${target.size}`
    return refused(offer, 'ahead', reason)
  }
  if (answer.size === oldSize) return refusedItself(offer, answer.size)
  const again = await submitFrom(offer, answer.size)
  if (again.kind !== 'stale') return judge(offer, again)
  if (again.size === answer.size) return refusedItself(offer, answer.size)
  return { kind: 'failed', reason: 'its size changes between two questions; who else submits?' }
}

async function submitFrom(offer: Offer, oldSize: number): Promise<WitnessAnswer> {
  const { witness, target, timeoutMs, signal } = offer
  const proof = await prove(offer, oldSize)
  const body = formatAddCheckpoint({ oldSize, proof, checkpoint: target.note })
  return submitCheckpoint({ url: witness.url, body, timeoutMs, signal })
}

async function prove({ db, target }: Offer, oldSize: number): Promise<Buffer[]> {
  const proof = await proveConsistency(oldSize, target.size, (nodes) =>
    readNodes(nodes, (ranges) => getHashes(db, ranges)),
  )
  const old = oldSize === 0 ? undefined : await findSigned(db, oldSize)
  // Without a checkpoint of that size there is no root to compare with; the witness has one.
  if (old === undefined) return proof
  const claim = { oldSize, newSize: target.size, oldRoot: old.root, newRoot: target.root, proof }
  if (verifyConsistency(claim)) return proof
  throw new Error(`the stored nodes do not prove that ${target.size} entries follow ${oldSize}`)
}

function judge(offer: Offer, answer: Exclude<WitnessAnswer, { kind: 'stale' }>): SubmitOutcome {
  if (answer.kind === 'failed') return answer
  if (answer.kind === 'refused') {
    return refused(offer, answer.fault, answer.reason)
  }
  return judgeLines(offer, answer.lines)
}

function judgeLines(offer: Offer, lines: string): SubmitOutcome {
  const { target, witness } = offer
  let cosignature: Cosignature
  try {
    cosignature = findCosignature(target.note, lines, witness.verifier)
  } catch (fault) {
    if (!(fault instanceof NoteError)) throw fault
    if (fault.fault === 'invalid-signature') {
      const reason = 'its cosignature is not over this checkpoint, or not by its key'
      return refused(offer, 'forged', reason)
    }
    const reason = 'it answered without a cosignature of the key that the policy has for it'
    return { kind: 'failed', reason }
  }
  const cosignedMs = cosignature.timeSeconds * 1_000
  if (cosignedMs > Date.now() + SKEW_MS_MAX || cosignedMs < target.signedMs - SKEW_MS_MAX) {
    const reason = `its cosignature is of ${timeText(cosignedMs)}; are its clock and ours right?`
    return { kind: 'failed', reason }
  }
  return { kind: 'cosigned', cosignature }
}

function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'no time that there is' : date.toISOString()
}

function refusedItself(offer: Offer, claimedSize: number): SubmitOutcome {
  const reason = `it says that it is at ${claimedSize} entries, and does not go on from there (409)`
  return refused(offer, 'conflict', reason)
}

// By the size that its verified cosignature is of, not the one that it claims: whoever claims
// another each time, or forges each time, must not fill the record, and with it the log.
function refused({ target, knownSize }: Offer, fault: RefusalFault, reason: string): SubmitOutcome {
  return { kind: 'refused', refusal: { fault, reason, oldSize: knownSize, size: target.size } }
}
