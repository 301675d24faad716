import { parseCheckpoint, type Checkpoint } from './checkpoint.ts'
import { commitPayload, decodeEntry, type LeafEntry } from './entry.ts'
import { parseExactJson } from './exact-json.ts'
import { leafHash, verifyInclusion } from './merkle.ts'
import {
  ED25519,
  NoteError,
  openNote,
  parseVkey,
  type NoteSignature,
  type Verifier,
} from './note.ts'
import { isQuorumMet, type Policy } from './policy.ts'
import { parseProof, type ProofFile } from './proof-file.ts'

/**
 * What is known of a receipt.
 * - `valid`: the key's owner signed a log that holds this entry, and the payload, if one was
 * disclosed.
 * - `not-anchored`: sealed, as the file says, but no signed checkpoint covers it yet. Nothing is
 * proved. Under a policy also: signed by the log, but not cosigned by the policy's quorum.
 * - `diverged`: well-formed, and not true: another log, another tree, another payload.
 * - `redacted`: `valid`, and the same log holds the entry that says the payload was erased.
 * - `malformed`: not a receipt, or not a disclosure.
 */
export type ReceiptStatus = 'valid' | 'not-anchored' | 'diverged' | 'redacted' | 'malformed'

export interface ReceiptClaim {
  /** The `.tlog-proof` file. */
  readonly text: string
  /** The log's verifier key; the log's origin is its name. */
  readonly vkey: string
  /**
   * The disclosure file, JSON: `{"salt":"<64 hex>","payload":{…}}`, or, after an erasure,
   * `{"redacted":true,"receipt":"<the .tlog-proof of the payload.redacted entry>"}`.
   */
  readonly disclosure?: string
  /** Which witnesses must have cosigned the checkpoint; without it the log's word is enough. */
  readonly policy?: Policy
}

export interface ReceiptVerdict {
  readonly status: ReceiptStatus
  /** One sentence for a person. */
  readonly reason: string
  /** What the file says. To be believed only when the status is `valid` or `redacted`. */
  readonly entry?: LeafEntry
  /** The entry's place in the log, from 0; as far to be believed as `entry`. */
  readonly index?: number
  /** The signed checkpoint; present when `valid` or `redacted`. */
  readonly checkpoint?: Checkpoint
  /** Whether a payload was disclosed and is the one that the entry commits to. */
  readonly isPayloadVerified: boolean
  /** The entry that tells of the erasure; present when `redacted`. */
  readonly redaction?: LeafEntry
  /** Under a policy: its witnesses that cosigned the checkpoint, and when. */
  readonly witnesses?: readonly ReceiptWitness[]
}

export interface ReceiptWitness {
  /** As the policy calls it. */
  readonly name: string
  /** Whole seconds since 1970. */
  readonly timeSeconds: number
}

/** The action of the entry by which the ledger records that a payload and its salt were erased. */
export const REDACTED_ACTION = 'payload.redacted'

/** The service that records erasures; what another says of one counts for nothing. */
export const REDACTING_SOURCE = 'audit-ledger'

/** The target of the entry that records the erasure of this entry's payload. */
export function redactionTarget(entry: Pick<LeafEntry, 'source' | 'id'>): string {
  return `entry:${entry.source}/${entry.id}`
}

/**
 * Whether this entry records that a payload was erased. Every service chooses its own actions and
 * targets; only the ledger's fact is an erasure done.
 */
export function isErasure({ source, phase, action }: LeafEntry): boolean {
  return source === REDACTING_SOURCE && phase === 'fact' && action === REDACTED_ACTION
}

/**
 * Judges a receipt by nothing but the log's public key: no network, no clock.
 *
 * @throws TypeError when `vkey` is not the verifier key of a log. Whatever the receipt or the
 * disclosure holds is a verdict and never an exception.
 */
export function verifyReceipt(claim: ReceiptClaim): ReceiptVerdict {
  const verifier = parseVkey(claim.vkey)
  if (verifier.type !== ED25519) throw new TypeError('this is the key of a witness, not of a log')
  const trusted = { verifier, policy: claim.policy }
  const proved = judgeProof(claim.text, trusted)
  if (claim.disclosure === undefined || proved.entry === undefined) return proved
  return judgeDisclosure({ proved, entry: proved.entry, trusted, text: claim.disclosure })
}

/** By whom a checkpoint must be signed. */
interface Trusted {
  readonly verifier: Verifier
  readonly policy: Policy | undefined
}

function judgeProof(text: string, { verifier, policy }: Trusted): ReceiptVerdict {
  let file: ProofFile
  let entry: LeafEntry
  try {
    file = parseProof(text)
    if (file.extra === undefined) return verdict('malformed', 'The file holds no entry.')
    entry = decodeEntry(file.extra)
  } catch (fault) {
    return verdict('malformed', `The file is not a receipt: ${messageOf(fault)}.`)
  }
  const known = { entry, index: file.index }
  if (file.checkpoint === undefined) {
    return verdict('not-anchored', 'No signed checkpoint covers the entry yet.', known)
  }
  const opened = openCheckpoint(file.checkpoint, verifier)
  if ('status' in opened) return { ...opened, ...known }
  const { size, root } = opened
  const { index, hashes: proof } = file
  if (!verifyInclusion({ leafHash: leafHash(file.extra), index, size, proof, root })) {
    return verdict('diverged', 'The signed log does not hold this entry at this place.', known)
  }
  const signed = verdict('valid', 'The signed log holds this entry.', {
    ...known,
    checkpoint: opened,
  })
  return policy === undefined ? signed : judgeWitnesses(signed, file.checkpoint, policy)
}

// Behind everything else: a receipt that is not true stays so, whoever has cosigned.
function judgeWitnesses(signed: ReceiptVerdict, note: string, policy: Policy): ReceiptVerdict {
  let witnesses: ReceiptWitness[]
  try {
    witnesses = witnessesOf(note, policy)
  } catch (fault) {
    if (!(fault instanceof NoteError)) throw fault
    const reason = 'A cosignature under the checkpoint is not by the witness that it names.'
    return { ...signed, status: 'diverged', reason }
  }
  if (isQuorumMet(policy, new Set(witnesses.map(({ name }) => name)))) {
    return { ...signed, witnesses }
  }
  const names = witnesses.map(({ name }) => name).join(', ') || 'nobody'
  const reason =
    `The signed log holds this entry, but the checkpoint is cosigned by ${names}, ` +
    `which is not the policy's quorum ${policy.quorum ?? ''}. Ask for the receipt again later.`
  return { ...signed, status: 'not-anchored', reason, witnesses }
}

function witnessesOf(note: string, policy: Policy): ReceiptWitness[] {
  const signatures = signaturesOf(
    note,
    policy.witnesses.map(({ verifier }) => verifier),
  )
  return policy.witnesses.flatMap(({ name, verifier }) => {
    const found = signatures.find(
      (signature) => signature.name === verifier.name && signature.keyId === verifier.keyId,
    )
    return found?.timeSeconds === undefined ? [] : [{ name, timeSeconds: found.timeSeconds }]
  })
}

function signaturesOf(note: string, known: readonly Verifier[]): readonly NoteSignature[] {
  try {
    return openNote(note, known).signatures
  } catch (fault) {
    if (fault instanceof NoteError && fault.fault === 'unverified') return []
    throw fault
  }
}

/** The checkpoint of a note that this key signed for its own log, or what is wrong with it. */
export function openCheckpoint(note: string, verifier: Verifier): Checkpoint | ReceiptVerdict {
  let checkpoint: Checkpoint
  try {
    checkpoint = parseCheckpoint(openNote(note, [verifier]).text)
  } catch (fault) {
    if (fault instanceof NoteError && fault.fault === 'invalid-signature') {
      return verdict('diverged', "The signature under the checkpoint is not the log's.")
    }
    if (fault instanceof NoteError && fault.fault === 'unverified') {
      return verdict('diverged', 'The checkpoint is not signed by this key.')
    }
    return verdict('malformed', `The checkpoint cannot be read: ${messageOf(fault)}.`)
  }
  // A key may sign for several logs; a proof from another of them says nothing about this one.
  if (checkpoint.origin === verifier.name) return checkpoint
  return verdict('diverged', "The checkpoint is another log's.")
}

interface Disclosed {
  proved: ReceiptVerdict
  entry: LeafEntry
  trusted: Trusted
  /** The disclosure file. */
  text: string
}

function judgeDisclosure(disclosed: Disclosed): ReceiptVerdict {
  const { proved, entry } = disclosed
  if (proved.status === 'diverged' || proved.status === 'malformed') return proved
  let fields: Disclosure
  try {
    fields = parseDisclosure(disclosed.text)
  } catch (fault) {
    const reason = `The file is not a disclosure: ${messageOf(fault)}.`
    return { ...proved, status: 'malformed', reason }
  }
  if ('receipt' in fields) return judgeRedaction(disclosed, fields.receipt)
  if (!isCommitted(entry, fields)) {
    const reason = 'The disclosed payload is not the one that the entry commits to.'
    return { ...proved, status: 'diverged', reason }
  }
  return { ...proved, isPayloadVerified: true }
}

function isCommitted(entry: LeafEntry, { salt, payload }: { salt: string; payload: unknown }) {
  try {
    return commitPayload(Buffer.from(salt, 'hex'), payload).toString('hex') === entry.payload
  } catch {
    // Too large, too deep or not exact JSON: the ledger never commits to such a payload.
    return false
  }
}

// That a payload is gone is believed of nobody's word, only of the log itself: by a later entry of
// the same chain that names this one, proved like any other.
function judgeRedaction(disclosed: Disclosed, receipt: string): ReceiptVerdict {
  const { proved, entry } = disclosed
  const { entry: redaction, ...redacted } = judgeProof(receipt, disclosed.trusted)
  if (redacted.status !== 'valid' || redaction === undefined) {
    const reason = `The receipt of the redaction: ${redacted.reason}`
    return { ...proved, status: redacted.status, reason }
  }
  const isOfThisEntry =
    redaction.target === redactionTarget(entry) &&
    redaction.chain === entry.chain &&
    redaction.seq > entry.seq
  if (!isErasure(redaction) || !isOfThisEntry) {
    return { ...proved, status: 'diverged', reason: 'The redaction is not of this entry.' }
  }
  if (proved.status !== 'valid') return proved
  const reason = 'The signed log holds this entry; its payload was erased, as the log records.'
  return { ...proved, status: 'redacted', reason, redaction }
}

type Disclosure = { salt: string; payload: unknown } | { receipt: string }

function parseDisclosure(text: string): Disclosure {
  const value = parseExactJson(text)
  if (typeof value !== 'object' || value === null) throw new TypeError('it is no JSON object')
  const { redacted, receipt, salt, payload } = value as Readonly<Record<string, unknown>>
  const known = redacted === true ? ['redacted', 'receipt'] : ['salt', 'payload']
  const stray = Object.keys(value).find((key) => !known.includes(key))
  if (stray !== undefined) throw new TypeError(`it has the stray key "${stray.slice(0, 40)}"`)
  if (redacted === true) {
    if (typeof receipt !== 'string') throw new TypeError('it has no receipt of the redaction')
    return { receipt }
  }
  if (typeof salt !== 'string' || !/^[0-9a-f]{64}$/.test(salt)) {
    throw new TypeError('its salt is not 64 hex digits')
  }
  if (payload === undefined) throw new TypeError('it has no payload')
  return { salt, payload }
}

function verdict(
  status: ReceiptStatus,
  reason: string,
  known: Partial<ReceiptVerdict> = {},
): ReceiptVerdict {
  return { isPayloadVerified: false, ...known, status, reason }
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault)
}
