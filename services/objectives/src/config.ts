import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { readConfig } from '@mumega/config'
import { serviceSettings } from '@mumega/config/settings'
import { EngramTier } from '@mumega/contracts/engrams'

export const configSchema = Type.Object({
  ...serviceSettings,
  /**
   * JSON, an array of `{ principalId, displayName, vkey }`: the principals of the installation with
   * their first keys. Those that are not on record are registered at the start; the others are left
   * as they are.
   */
  OBJECTIVES_PRINCIPALS_FILE: Type.Optional(Type.String({ minLength: 1 })),
  /** An external Mirror, without a slash at its end: it is told of engrams after their commit. */
  MIRROR_URL: Type.Optional(Type.String({ pattern: '^https?://[^\\s?#]{0,500}[^\\s?#/]$' })),
  /** Its bearer token. */
  MIRROR_TOKEN: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]{1,1000}$' })),
  /** Which engrams leave; private ones only where it is named. */
  MIRROR_TIERS: Type.Refine(
    Type.String({ default: 'public,squad,project,entity' }),
    (text) => text.split(',').every((tier) => Value.Check(EngramTier, tier)),
    () => 'must be tiers with commas between them, as public,squad,project,entity',
  ),
  /** Real milliseconds that it has for an answer. */
  MIRROR_TIMEOUT_MS: Type.Integer({ default: 10_000, minimum: 10, maximum: 60_000 }),
  /** Real milliseconds until the second attempt; the next waits twice as long, 1 h at most. */
  MIRROR_BACKOFF_MS: Type.Integer({ default: 1_000, minimum: 10, maximum: 3_600_000 }),
  /** After so many attempts an engram is given up; by default in about two days. */
  MIRROR_ATTEMPTS_MAX: Type.Integer({ default: 60, minimum: 1, maximum: 10_000 }),
})
export type Config = Static<typeof configSchema>

/** @throws config.invalid naming each variable that is wrong. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readConfig(configSchema, environment)
}
