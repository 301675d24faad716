import { createUser, fromSeed } from '@nats-io/nkeys'

/** A new NATS user: the seed is the secret, the public key goes into the server's configuration. */
export function newSeed(): string {
  return new TextDecoder().decode(createUser().getSeed())
}

/** The public key of a seed. */
export function publicNkeyOf(seed: string): string {
  return fromSeed(new TextEncoder().encode(seed)).getPublicKey()
}
