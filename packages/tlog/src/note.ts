import { createPrivateKey, createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto'
import { decodeBase64, decodeCanonicalBase64 } from './base64.ts'

/** Signature types of C2SP signed-note that this package makes and checks. */
export const ED25519 = 0x01
export const COSIGNATURE = 0x04
export type SignatureType = typeof ED25519 | typeof COSIGNATURE

/** Signature lines of one note at most, as in Go's `note.Open`. */
export const SIGNATURES_MAX = 100

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
// The fixed DER around the 32 bytes of an Ed25519 seed and public key (RFC 8410, 7 and 4).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** A key that signs notes; made by `signerFromSeed`. */
export interface Signer {
  readonly name: string
  readonly type: SignatureType
  readonly keyId: number
  /** 32 bytes. */
  readonly publicKey: Buffer
  readonly privateKey: KeyObject
}

/** A key that checks notes; made by `parseVkey`. */
export interface Verifier {
  readonly name: string
  readonly type: SignatureType
  readonly keyId: number
  readonly publicKey: KeyObject
}

/** Why a note was not opened. */
export type NoteFault = 'malformed' | 'invalid-signature' | 'unverified'

export class NoteError extends Error {
  readonly fault: NoteFault

  constructor(fault: NoteFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NoteError'
    this.fault = fault
  }
}

export interface NoteSignature {
  readonly name: string
  readonly keyId: number
  /** Whole seconds since 1970 that a cosignature vouches for; absent for a plain signature. */
  readonly timeSeconds?: number
}

export interface OpenedNote {
  /** The signed text with its last newline. */
  readonly text: string
  /** At least one. */
  readonly signatures: readonly NoteSignature[]
  /** Lines of keys that the caller does not know, not checked. */
  readonly unverified: readonly NoteSignature[]
}

/** The first four bytes, big endian, of SHA-256(name ‖ newline ‖ type ‖ public key). */
export function keyIdOf(name: string, type: SignatureType, publicKey: Uint8Array): number {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey])
  return hash('sha256', input, 'buffer').readUInt32BE()
}

/**
 * The signer of an Ed25519 seed of 32 bytes. Throws TypeError for a wrong name, RangeError for a
 * wrong seed.
 */
export function signerFromSeed(
  name: string,
  seed: Uint8Array,
  type: SignatureType = ED25519,
): Signer {
  checkName(name)
  if (seed.length !== KEY_BYTES) throw new RangeError(`an Ed25519 seed has ${KEY_BYTES} bytes`)
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = spki.subarray(SPKI_PREFIX.length)
  return { name, type, keyId: keyIdOf(name, type, publicKey), publicKey, privateKey }
}

/** The verifier key `name+id+base64(type ‖ key)` of an Ed25519 public key of 32 bytes. */
export function generateVkey(
  name: string,
  publicKey: Uint8Array,
  type: SignatureType = ED25519,
): string {
  checkName(name)
  if (publicKey.length !== KEY_BYTES) throw new RangeError(`a public key has ${KEY_BYTES} bytes`)
  const key = Buffer.concat([Buffer.of(type), publicKey]).toString('base64')
  return `${name}+${hexOf(keyIdOf(name, type, publicKey))}+${key}`
}

// The y of every point whose order divides 8, as RFC 8032 writes it, and the other spellings of 0
// and 1. By such a key anybody makes signatures that are valid for every text.
const WEAK = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
])

function isWeak(key: Uint8Array): boolean {
  const y = Buffer.from(key)
  // Without the sign of x.
  y[31] = (y[31] ?? 0) & 0x7f
  return WEAK.has(y.toString('hex'))
}

/**
 * The verifier of a verifier key. Throws TypeError unless it is well-formed and its id is its own.
 */
export function parseVkey(vkey: string): Verifier {
  // A name has no plus sign, but the base64 of the key may.
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? []
  const bytes = encoded === undefined ? undefined : decodeCanonicalBase64(encoded)
  if (name === undefined || bytes === undefined || bytes.length !== 1 + KEY_BYTES) {
    throw new TypeError('a verifier key reads <name>+<8 hex digits>+<base64 of 33 bytes>')
  }
  checkName(name)
  const [type, key] = [bytes[0], bytes.subarray(1)]
  if (type !== ED25519 && type !== COSIGNATURE) {
    throw new TypeError('the verifier key is of a type that is not supported')
  }
  if (isWeak(key)) throw new TypeError('the verifier key is one that everybody can sign for')
  const keyId = keyIdOf(name, type, key)
  if (hexOf(keyId) !== id) throw new TypeError("the verifier key's id is not that of its key")
  const der = Buffer.concat([SPKI_PREFIX, key])
  return {
    name,
    type,
    keyId,
    publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }),
  }
}

/** The note of `text`, which ends in a newline, signed by one Ed25519 key of type 1. */
export function signNote(text: string, signer: Signer): string {
  if (signer.type !== ED25519) throw new TypeError('a note is signed by a key of type 1')
  return `${text}\n${signatureLine(signer, sign(null, signedBytes(text), signer.privateKey))}`
}

/**
 * A witness's cosignature/v1 line, to be appended to a note of `text`: it vouches that at
 * `timeSeconds`, whole seconds since 1970, the witness had seen this checkpoint and none that
 * contradicts it.
 */
export function cosign(text: string, signer: Signer, timeSeconds: number): string {
  if (signer.type !== COSIGNATURE) throw new TypeError('a cosignature is made by a key of type 4')
  if (!Number.isSafeInteger(timeSeconds) || timeSeconds < 0) {
    throw new RangeError('a cosignature has a time in whole seconds since 1970')
  }
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(timeSeconds))
  const signature = sign(null, cosignedBytes(signedBytes(text), timeSeconds), signer.privateKey)
  return signatureLine(signer, Buffer.concat([time, signature]))
}

function signatureLine(signer: Signer, signature: Uint8Array): string {
  const keyId = Buffer.alloc(4)
  keyId.writeUInt32BE(signer.keyId)
  return `— ${signer.name} ${Buffer.concat([keyId, signature]).toString('base64')}\n`
}

/**
 * Opens a signed note as Go's `note.Open` does: lines of unknown keys are set aside, a repeated
 * line is counted once, and one bad signature of a known key rejects the whole note.
 *
 * @throws NoteError `malformed` when it is not a note, `invalid-signature` when a known key did not
 * sign this text, `unverified` when no known key signed at all.
 */
export function openNote(note: string | Uint8Array, verifiers: readonly Verifier[]): OpenedNote {
  const { text, lines } = splitNote(typeof note === 'string' ? note : decodeUtf8(note))
  const signed = signedBytes(text)
  const [signatures, unverified] = [
    new Map<string, NoteSignature>(),
    new Map<string, NoteSignature>(),
  ]
  for (const line of lines) {
    const { name, keyId, signature } = parseSignatureLine(line)
    const key = `${name}+${hexOf(keyId)}`
    const verifier = verifiers.find((known) => known.name === name && known.keyId === keyId)
    if (verifier === undefined) {
      unverified.set(line, { name, keyId })
    } else if (!signatures.has(key)) {
      signatures.set(key, { name, keyId, ...checkSignature(verifier, signed, signature) })
    }
  }
  if (signatures.size === 0) throw new NoteError('unverified', 'no known key signed the note')
  return { text, signatures: [...signatures.values()], unverified: [...unverified.values()] }
}

function splitNote(note: string): { text: string; lines: string[] } {
  // The last blank line: a note's text may hold blank lines of its own.
  const split = note.lastIndexOf('\n\n')
  const block = note.slice(split + 2)
  if (split < 0 || !block.endsWith('\n')) {
    throw malformed('a note is a text, a blank line and signature lines')
  }
  const lines = block.slice(0, -1).split('\n', SIGNATURES_MAX + 1)
  if (lines.length > SIGNATURES_MAX) throw malformed(`over ${SIGNATURES_MAX} signatures`)
  return { text: note.slice(0, split + 1), lines }
}

function parseSignatureLine(line: string): { name: string; keyId: number; signature: Buffer } {
  const [, name, encoded] = /^— ([^ ]*) (.+)$/.exec(line) ?? []
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded)
  if (name === undefined || !isName(name) || bytes === undefined || bytes.length < 5) {
    throw malformed('a signature line reads — <key name> <base64 of key id and signature>')
  }
  return { name, keyId: bytes.readUInt32BE(), signature: bytes.subarray(4) }
}

function checkSignature(
  verifier: Verifier,
  signed: Buffer,
  signature: Buffer,
): { timeSeconds?: number } {
  const refused = new NoteError('invalid-signature', `${verifier.name} did not sign this text`)
  if (verifier.type === ED25519) {
    if (!isSigned(verifier, signed, signature)) throw refused
    return {}
  }
  if (signature.length !== 8 + SIGNATURE_BYTES) throw refused
  const timeSeconds = Number(signature.readBigUInt64BE())
  if (!Number.isSafeInteger(timeSeconds)) throw refused
  const cosigned = cosignedBytes(signed, timeSeconds)
  if (!isSigned(verifier, cosigned, signature.subarray(8))) throw refused
  return { timeSeconds }
}

function isSigned(verifier: Verifier, message: Buffer, signature: Buffer): boolean {
  return (
    signature.length === SIGNATURE_BYTES && verify(null, message, verifier.publicKey, signature)
  )
}

function cosignedBytes(signed: Buffer, timeSeconds: number): Buffer {
  return Buffer.concat([Buffer.from(`cosignature/v1\ntime ${timeSeconds}\n`), signed])
}

/** The bytes that a signature of `text` is over: the text itself, once it is fit for a note. */
function signedBytes(text: string): Buffer {
  if (!text.endsWith('\n')) throw malformed("a note's text ends in a newline")
  checkCharacters(text)
  return Buffer.from(text)
}

// eslint-disable-next-line no-control-regex -- control characters are what a note must not hold
const UNFIT = /[\u0000-\u0009\u000b-\u001f]|\p{Surrogate}/u

function checkCharacters(text: string): void {
  if (UNFIT.test(text)) throw malformed('a note holds UTF-8 and no control character but newline')
}

// A byte order mark is kept: it is a character of the signed text like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new NoteError('malformed', 'the note is not UTF-8', { cause })
  }
}

function isName(name: string): boolean {
  return name !== '' && !/[\p{White_Space}+\p{Surrogate}]/u.test(name)
}

function checkName(name: string): void {
  if (!isName(name)) throw new TypeError('a key name is not empty and holds no space or plus sign')
}

function hexOf(keyId: number): string {
  return keyId.toString(16).padStart(8, '0')
}

function malformed(message: string): NoteError {
  return new NoteError('malformed', message)
}
