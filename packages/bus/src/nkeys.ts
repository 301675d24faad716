import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { encode, Prefix } from '@nats-io/nkeys'
import { Codec } from '@nats-io/nkeys/lib/codec.js'
import type { Authenticator } from '@nats-io/transport-node'

// RFC 8410, section 7: what stands before the 32 bytes of an Ed25519 seed.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const RAW_KEY_BYTES = 32

/** The public key (`U…`) of a NATS user's seed (`SU…`). @throws NKeysError for a damaged seed */
export function publicNkeyOf(seed: string): string {
  return readSeed(seed).nkey
}

/**
 * Answers the server's nonce as the client's own authenticator does, with the Ed25519 of Node: the
 * one in JavaScript holds the event loop up for 20 ms at each connection.
 *
 * @throws NKeysError for a damaged seed
 */
export function nkeyAuthenticator(seed: string): Authenticator {
  const { key, nkey } = readSeed(seed)
  return (nonce) => ({ nkey, sig: nonce ? encode(sign(null, Buffer.from(nonce), key)) : '' })
}

function readSeed(seed: string): { key: KeyObject; nkey: string } {
  const { buf } = Codec.decodeSeed(new TextEncoder().encode(seed))
  const der = Buffer.concat([PKCS8_PREFIX, buf])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const nkey = Codec.encode(Prefix.User, new Uint8Array(spki.subarray(-RAW_KEY_BYTES)))
  return { key, nkey: new TextDecoder().decode(nkey) }
}
