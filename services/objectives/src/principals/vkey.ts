import { ED25519, parseVkey } from '@mumega/tlog/note'
import { invalidKey } from '../errors.ts'

/**
 * The 32 bytes of a verifier key, which is an Ed25519 one and named like its principal.
 *
 * @throws objectives.invalid-key
 */
export function publicKeyOf(vkey: string, principalId: string, field = 'vkey'): Buffer {
  const verifier = parsed(vkey, field)
  if (verifier.name !== principalId) throw invalidKey(field, `is not named ${principalId}`)
  if (verifier.type !== ED25519) throw invalidKey(field, 'is not an Ed25519 key of type 1')
  const { x } = verifier.publicKey.export({ format: 'jwk' })
  return Buffer.from(x ?? '', 'base64url')
}

function parsed(vkey: string, field: string) {
  try {
    return parseVkey(vkey)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw invalidKey(field, `is no verifier key: ${error.message}`)
  }
}
