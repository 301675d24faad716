import { decodeCanonicalBase64 } from './base64.ts'
import { ED25519, signerFromSeed, type Signer } from './note.ts'

const SEED_BYTES = 32

/**
 * A signer's key as text, `PRIVATE+KEY+<name>+<id>+<base64 of type and seed>`: what Go's
 * `note.GenerateKey` makes and `note.NewSigner` reads. Whoever has it can sign as `name`.
 */
export function generateSignerKey(name: string, seed: Uint8Array): string {
  const { keyId } = signerFromSeed(name, seed)
  const id = keyId.toString(16).padStart(8, '0')
  return `PRIVATE+KEY+${name}+${id}+${Buffer.concat([Buffer.of(ED25519), seed]).toString('base64')}`
}

/**
 * The signer of a key as `generateSignerKey` writes it. Throws TypeError, which never tells the
 * key, unless it is well-formed and its id is its own.
 */
export function parseSignerKey(text: string): Signer {
  const [, name, id, encoded] = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? []
  const bytes = encoded === undefined ? undefined : decodeCanonicalBase64(encoded)
  if (name === undefined || bytes === undefined || bytes.length !== 1 + SEED_BYTES) {
    throw new TypeError('a signer’s key reads PRIVATE+KEY+<name>+<8 hex digits>+<base64>')
  }
  if (bytes[0] !== ED25519) throw new TypeError('the signer’s key is not an Ed25519 one')
  const signer = signerFromSeed(name, bytes.subarray(1))
  if (signer.keyId !== Number.parseInt(id ?? '', 16)) {
    throw new TypeError('the id of the signer’s key is not that of its key')
  }
  return signer
}
