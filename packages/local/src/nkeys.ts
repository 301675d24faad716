import { publicNkeyOf as derive } from '@mumega/bus/nkeys'
import { AppError } from '@mumega/errors'
import { createUser } from '@nats-io/nkeys'

/** A new NATS user: the seed is the secret, the public key goes into the server's configuration. */
export function newSeed(): string {
  return new TextDecoder().decode(createUser().getSeed())
}

/** The public key of a seed. @throws local.invalid-seed, which never shows the seed */
export function publicNkeyOf(seed: string): string {
  try {
    return derive(seed)
  } catch (cause) {
    throw new AppError(
      'local.invalid-seed',
      'invalid',
      'The seed of a NATS user is damaged. If you have set MUMEGA_NATS_ADMIN_SEED, check that one.',
      { cause },
    )
  }
}
