import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { encode, Prefix } from '@nats-io/nkeys'
import { Codec } from '@nats-io/nkeys/lib/codec.js'
import type { Authenticator } from '@nats-io/transport-node'
import { AppError } from '@mumega/errors'

// RFC 8410, section 7: what stands before the 32 bytes of an Ed25519 seed.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const RAW_KEY_BYTES = 32

/**
 * The public key (`U…`) of a NATS user's seed (`SU…`). @throws bus.seed-of-no-user; NKeysError for
 * a damaged seed
 */
export function publicNkeyOf(seed: string): string {
  return readSeed(seed).nkey
}

/**
 * Answers the server's nonce as the client's own authenticator does, with the Ed25519 of Node: the
 * one in JavaScript holds the event loop up for 20 ms at each connection.
 *
 * @throws bus.seed-of-no-user; NKeysError for a damaged seed
 */
export function nkeyAuthenticator(seed: string): Authenticator {
  const { key, nkey } = readSeed(seed)
  return (nonce) => ({ nkey, sig: nonce ? encode(sign(null, Buffer.from(nonce), key)) : '' })
}

function seedOfNoUser(): AppError {
  return new AppError(
    'bus.seed-of-no-user',
    'invalid',
    'The seed is of no NATS user: one begins with SU. Check NATS_NKEY_SEED.',
  )
}

function readSeed(seed: string): { key: KeyObject; nkey: string } {
  const { prefix, buf } = Codec.decodeSeed(new TextEncoder().encode(seed))
  if (prefix !== Prefix.User || buf.length !== RAW_KEY_BYTES) throw seedOfNoUser()
  const der = Buffer.concat([PKCS8_PREFIX, buf])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const nkey = Codec.encode(Prefix.User, new Uint8Array(spki.subarray(-RAW_KEY_BYTES)))
  return { key, nkey: new TextDecoder().decode(nkey) }
}
