import type { EngramTier } from '@mumega/contracts/engrams'
import { AppError } from '@mumega/errors'
import type { Config } from '../config.ts'

export interface MirrorSettings {
  readonly url: string
  readonly token: string
  readonly tiers: ReadonlySet<EngramTier>
  readonly timeoutMs: number
  readonly backoffMs: number
  readonly attemptsMax: number
}

/** Undefined where no Mirror is set. @throws config.invalid where one has no token */
export function mirrorSettings(config: Config): MirrorSettings | undefined {
  const { MIRROR_URL: url, MIRROR_TOKEN: token } = config
  if (url === undefined) return undefined
  if (token === undefined) {
    throw new AppError(
      'config.invalid',
      'invalid',
      'Wrong settings: MIRROR_TOKEN must be set with MIRROR_URL: the Mirror’s bearer token.',
    )
  }
  return {
    ...{ url, token },
    // The configuration's schema holds each of them to be a tier.
    tiers: new Set(config.MIRROR_TIERS.split(',') as EngramTier[]),
    timeoutMs: config.MIRROR_TIMEOUT_MS,
    backoffMs: config.MIRROR_BACKOFF_MS,
    attemptsMax: config.MIRROR_ATTEMPTS_MAX,
  }
}
