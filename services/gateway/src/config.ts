import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'
import { serviceSettings } from '@mumega/config/settings'
import { versionOf } from '@mumega/config/version'

/** Every setting of the gateway, by its environment variable. */
export const configSchema = Type.Object({
  ...serviceSettings,
  MUMEGA_HOST: Type.String({ default: '127.0.0.1' }),
  /** 0 takes any free port. */
  MUMEGA_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 0 }),
  /** Connections to PostgreSQL at most. */
  MUMEGA_DATABASE_POOL_MAX: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
  /**
   * Requests a minute that one token, with all that are delegated from it, may make of this
   * process.
   */
  MUMEGA_RATE_LIMIT_PER_MINUTE: Type.Integer({ minimum: 1, default: 60 }),
  /** The same for tokens of the rate class elevated, which is never less than the standard one. */
  MUMEGA_ELEVATED_RATE_LIMIT_PER_MINUTE: Type.Integer({ minimum: 1, default: 600 }),
  /** Requests a minute without a valid token, from one address. */
  MUMEGA_ANONYMOUS_RATE_LIMIT_PER_MINUTE: Type.Integer({ minimum: 1, default: 120 }),
  /**
   * Addresses or CIDR ranges, comma-separated, whose `X-Forwarded-For` names the caller. None by
   * default.
   */
  MUMEGA_TRUSTED_PROXIES: Type.Optional(Type.String()),
  /**
   * Of the 4,096 connections, those that one remote address may have open; of IPv6, one network of
   * 64 bits. More are closed at once. Behind a proxy all callers have one address, the proxy's:
   * raise it there to 4096, and let the proxy bound its own callers.
   */
  MUMEGA_CONNECTIONS_PER_ADDRESS_MAX: Type.Integer({ minimum: 1, default: 1_024 }),
  /**
   * Names, comma-separated, under which clients reach /mcp: others are refused, so that no page in
   * an agent's browser can speak to it. By default those of this machine where MUMEGA_HOST is one
   * of its own addresses, else any.
   */
  MUMEGA_ALLOWED_HOSTS: Type.Optional(Type.String()),
  /**
   * Open event streams and waits of this process, of one tenant, and of one token with all
   * delegated from it.
   */
  MUMEGA_STREAMS_MAX: Type.Integer({ minimum: 1, default: 2_500 }),
  MUMEGA_STREAMS_PER_TENANT_MAX: Type.Integer({ minimum: 1, default: 1_000 }),
  MUMEGA_STREAMS_PER_TOKEN_MAX: Type.Integer({ minimum: 1, default: 10 }),
  /** At each, a stream and an ask that waits also look whether their token still holds. */
  MUMEGA_STREAM_KEEP_ALIVE_MS: Type.Integer({ minimum: 100, maximum: 60_000, default: 15_000 }),
  /** How long a reader of a stream may take nothing before it is cut off. */
  MUMEGA_STREAM_STALL_MS: Type.Integer({ minimum: 100, maximum: 60_000, default: 10_000 }),
})
export type Config = Static<typeof configSchema>

/** @throws config.invalid naming every variable that is missing or wrong. */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  return readConfig(configSchema, environment)
}

const operatorSchema = Type.Pick(configSchema, [
  'DATABASE_URL',
  'MUMEGA_TIME_SCALE',
  'MUMEGA_TIME_ORIGIN_MS',
])

/** What the program that makes the first operator's token needs. @throws config.invalid */
export function loadOperatorConfig(environment: NodeJS.ProcessEnv): Static<typeof operatorSchema> {
  return readConfig(operatorSchema, environment)
}

/** Of this package. */
export const VERSION = versionOf(new URL('../../package.json', import.meta.url))
