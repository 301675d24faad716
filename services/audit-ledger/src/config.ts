import { Type, type Static } from 'typebox'
import { readConfig } from '@mumega/config'
import type { ScaledClockOptions } from '@mumega/config/clock'
import { databaseUrl, logLevel, natsUrl, timeOriginMs, timeScale } from '@mumega/config/settings'
import { isOrigin } from '@mumega/tlog/checkpoint'

/** The environment of the audit-ledger. */
export const configSchema = Type.Object({
  DATABASE_URL: databaseUrl,
  NATS_URL: natsUrl,
  NATS_NKEY_SEED: Type.String({ minLength: 1 }),
  /** The log's name in its checkpoints, for instance `localhost/mumega`. */
  LEDGER_ORIGIN: Type.Refine(
    Type.String({ minLength: 1, maxLength: 200 }),
    isOrigin,
    () => 'must hold no space, control or plus sign',
  ),
  /** File with the 32-byte Ed25519 seed as base64, readable by its owner only. */
  LEDGER_KEY_FILE: Type.String({ minLength: 1 }),
  /** Where the newest checkpoint is kept outside the database; beside the key when absent. */
  LEDGER_CHECKPOINT_FILE: Type.Optional(Type.String({ minLength: 1 })),
  /**
   * Milliseconds after which a leader that does not renew its lease is replaced by another ledger
   * on the same database. A failover takes as long, and half a second.
   */
  LEDGER_LEASE_MS: Type.Integer({ default: 2_000, minimum: 500, maximum: 60_000 }),
  /**
   * Entries that the scrubber reads again in a second, at most; a quarter of it while the log grows
   * by more than 5,000 a second.
   */
  LEDGER_SCRUB_ENTRIES_PER_SECOND: Type.Integer({ default: 1_000, minimum: 1, maximum: 1_000_000 }),
  /** From becoming the leader to the scrubber's first pass: what waits is sealed first. */
  LEDGER_SCRUB_DELAY_MS: Type.Integer({ default: 5_000, minimum: 0, maximum: 86_400_000 }),
  /** Between the starts of two passes of the scrubber, at least, in real milliseconds. */
  LEDGER_SCRUB_PASS_MS_MIN: Type.Integer({ default: 10_000, minimum: 0, maximum: 86_400_000 }),
  /** How long a number may be missing between a producer's intents, in real milliseconds. */
  LEDGER_GAP_MS: Type.Integer({ default: 30_000, minimum: 100, maximum: 86_400_000 }),
  /** How long after an intent its outcome is due, in milliseconds of the substrate's clock. */
  LEDGER_OUTCOME_MS: Type.Integer({ default: 3_600_000, minimum: 100, maximum: 31_536_000_000 }),
  /** Which witnesses are asked to cosign, and how many must have: lines of C2SP tlog-policy. */
  LEDGER_WITNESS_POLICY_FILE: Type.Optional(Type.String({ minLength: 1 })),
  /** Real milliseconds from one checkpoint that is offered to the next at least; 5,000. */
  LEDGER_WITNESS_INTERVAL_MS: Type.Optional(Type.Integer({ minimum: 10, maximum: 3_600_000 })),
  /** Real milliseconds that a witness has for its answer; 10,000. */
  LEDGER_WITNESS_TIMEOUT_MS: Type.Optional(Type.Integer({ minimum: 100, maximum: 60_000 })),
  /** Real milliseconds after which a missing quorum is a fault; 60,000. */
  LEDGER_WITNESS_OVERDUE_MS: Type.Optional(Type.Integer({ minimum: 100, maximum: 86_400_000 })),
  /** A time-stamp authority (RFC 3161), and the PEM certificates that its signatures lead to. */
  LEDGER_TSA_URL: Type.Optional(Type.String({ pattern: '^https?://[^\\s]{1,500}$' })),
  LEDGER_TSA_CA_FILE: Type.Optional(Type.String({ minLength: 1 })),
  /** A stamp is due after so many anchors, 256; or, where the log has grown, minutes, 60. */
  LEDGER_TSA_ANCHORS: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })),
  LEDGER_TSA_MINUTES: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_080 })),
  /** An existing folder for copies of the anchors; beside the checkpoint's copy when absent. */
  LEDGER_ANCHOR_DIR: Type.Optional(Type.String({ minLength: 1 })),
  /** An S3 bucket with Object Lock for more copies. */
  LEDGER_ANCHOR_BUCKET: Type.Optional(
    Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
  ),
  /** Its server, where that is not Amazon. */
  LEDGER_ANCHOR_BUCKET_URL: Type.Optional(Type.String({ pattern: '^https?://[^\\s]{1,500}$' })),
  LEDGER_ANCHOR_BUCKET_REGION: Type.Optional(Type.String({ pattern: '^[a-z0-9-]{1,50}$' })),
  /** Of every key, with a slash at its end. */
  LEDGER_ANCHOR_BUCKET_PREFIX: Type.Optional(
    Type.String({ pattern: '^([A-Za-z0-9._-]{1,60}/){1,5}$' }),
  ),
  /** For how long nobody can remove a copy; it cannot be shortened later. */
  LEDGER_ANCHOR_RETENTION_DAYS: Type.Optional(Type.Integer({ minimum: 1, maximum: 36_500 })),
  /** Real milliseconds that a copy to the bucket has with all its requests; 10,000. */
  LEDGER_ANCHOR_BUCKET_TIMEOUT_MS: Type.Optional(Type.Integer({ minimum: 100, maximum: 60_000 })),
  /** Both, or neither: then the AWS SDK looks for credentials as it always does. */
  LEDGER_ANCHOR_ACCESS_KEY_ID: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  LEDGER_ANCHOR_SECRET_ACCESS_KEY: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String()),
  LOG_LEVEL: logLevel,
  MUMEGA_TIME_SCALE: timeScale,
  MUMEGA_TIME_ORIGIN_MS: timeOriginMs,
})
export type Config = Static<typeof configSchema>

/** The environment of the drill, which is no part of the service. */
const drillSchema = Type.Object({
  /** The administrator's, of the database that holds the ledger. */
  DATABASE_URL: configSchema.properties.DATABASE_URL,
  LEDGER_VKEY: Type.String({ minLength: 1 }),
  LEDGER_CHECKPOINT_FILE: Type.String({ minLength: 1 }),
  LEDGER_SCRUB_ENTRIES_PER_SECOND: configSchema.properties.LEDGER_SCRUB_ENTRIES_PER_SECOND,
  /** Larger logs are not copied. */
  DRILL_MIB_MAX: Type.Integer({ default: 2_048, minimum: 1, maximum: 1_048_576 }),
  /** How long each alteration may stay undetected. */
  DRILL_DETECT_MS_MAX: Type.Integer({ default: 60_000, minimum: 1, maximum: 3_600_000 }),
})

/** @throws config.invalid naming each variable that is missing or wrong. */
export function loadDrillConfig(
  environment: Readonly<Record<string, string | undefined>>,
): Static<typeof drillSchema> {
  return readConfig(drillSchema, environment)
}

/** @throws config.invalid naming each variable that is missing or wrong. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readConfig(configSchema, environment)
}

/** Where the newest checkpoint is kept outside the database. */
export function checkpointFileOf(config: Config): string {
  return config.LEDGER_CHECKPOINT_FILE ?? `${config.LEDGER_KEY_FILE}.checkpoint`
}

/** By which the ledger tells the time. */
export function clockOf(config: Config): ScaledClockOptions {
  return { scale: config.MUMEGA_TIME_SCALE, originMs: config.MUMEGA_TIME_ORIGIN_MS }
}
