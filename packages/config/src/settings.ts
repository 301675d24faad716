import { Type } from 'typebox'
import { TIME_MS_MAX } from './clock.ts'

// Settings that several services have: one rule each, so that all refuse the same.

const POSTGRES = /^postgres(ql)?:\/\//
const SCHEME = /^[a-z]+:\/\//

/** Of PostgreSQL. */
export const databaseUrl = Type.Refine(
  Type.String(),
  (text) => POSTGRES.test(text) && URL.canParse(text),
  () => 'must be a URL as postgres://user:password@host:5432/database',
)

/** Of one or more NATS servers, comma-separated. */
export const natsUrl = Type.Refine(
  Type.String(),
  (text) => text.split(',').every(isServer),
  () => 'must be a URL as nats://host:4222, or several with commas between them',
)

function isServer(text: string): boolean {
  const url = SCHEME.test(text) ? text : `nats://${text}`
  return URL.canParse(url) && new URL(url).hostname !== ''
}

export const logLevel = Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
  default: 'info',
})

/** How many times faster than real time the system's goes; `scaledClock` looks at both together. */
export const timeScale = Type.Number({ minimum: 0.001, maximum: 1_000_000, default: 1 })

/** The real time at which both were equal. */
export const timeOriginMs = Type.Integer({ minimum: 0, maximum: TIME_MS_MAX, default: 0 })

/** What every service on the bus with a schema of its own is told. */
export const serviceSettings = {
  DATABASE_URL: databaseUrl,
  NATS_URL: natsUrl,
  NATS_NKEY_SEED: Type.Optional(Type.String({ minLength: 1 })),
  LOG_LEVEL: logLevel,
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String({ minLength: 1 })),
  MUMEGA_TIME_SCALE: timeScale,
  MUMEGA_TIME_ORIGIN_MS: timeOriginMs,
}
