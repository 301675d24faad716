import type { Config } from '../config.ts'
import { checkpointFileOf } from '../config.ts'
import { anchorBucketUnusable } from '../errors.ts'
import { bucketPlace } from './bucket-place.ts'
import { folderPlace } from './folder-place.ts'
import type { AnchorPlace } from './anchor-place.ts'

const TIMEOUT_MS = 10_000

/** Where anchors are copied to, not opened yet. @throws audit-ledger.anchor-bucket-unusable */
export function placesOf(config: Config, vkey: string): AnchorPlace[] {
  const named = config.LEDGER_ANCHOR_DIR
  const path = named ?? `${checkpointFileOf(config)}.anchors`
  const folder = folderPlace({ path, mayBeMade: named === undefined, vkey })
  const bucket = bucketOf(config, vkey)
  return bucket === undefined ? [folder] : [folder, bucket]
}

/** The same for all who copy to the same bucket in the same way. */
export function bucketFingerprint(config: Config): string {
  return JSON.stringify([
    config.LEDGER_ANCHOR_BUCKET,
    config.LEDGER_ANCHOR_BUCKET_URL,
    config.LEDGER_ANCHOR_BUCKET_PREFIX,
    config.LEDGER_ANCHOR_RETENTION_DAYS,
  ])
}

function bucketOf(config: Config, vkey: string): AnchorPlace | undefined {
  const { LEDGER_ANCHOR_BUCKET: bucket, LEDGER_ANCHOR_BUCKET_URL: endpoint } = config
  if (bucket === undefined) {
    // A setting that does nothing would be believed.
    const idle = BUCKET_SETTINGS.find((name) => config[name] !== undefined)
    if (idle === undefined) return undefined
    throw anchorBucketUnusable(`${idle} is set without LEDGER_ANCHOR_BUCKET; set both or none`)
  }
  const { LEDGER_ANCHOR_BUCKET_REGION: region, LEDGER_ANCHOR_RETENTION_DAYS: days } = config
  if (region === undefined) {
    throw anchorBucketUnusable('LEDGER_ANCHOR_BUCKET_REGION is missing; say where the bucket is')
  }
  if (days === undefined) {
    const why = 'for so long nobody can remove a copy, and nobody can shorten it'
    throw anchorBucketUnusable(`LEDGER_ANCHOR_RETENTION_DAYS is missing; ${why}`)
  }
  return bucketPlace({
    bucket,
    endpoint,
    region,
    prefix: config.LEDGER_ANCHOR_BUCKET_PREFIX ?? '',
    retentionDays: days,
    credentials: credentialsOf(config),
    vkey,
    timeoutMs: config.LEDGER_ANCHOR_BUCKET_TIMEOUT_MS ?? TIMEOUT_MS,
  })
}

const BUCKET_SETTINGS = [
  'LEDGER_ANCHOR_BUCKET_URL',
  'LEDGER_ANCHOR_BUCKET_REGION',
  'LEDGER_ANCHOR_BUCKET_PREFIX',
  'LEDGER_ANCHOR_BUCKET_TIMEOUT_MS',
  'LEDGER_ANCHOR_RETENTION_DAYS',
  'LEDGER_ANCHOR_ACCESS_KEY_ID',
  'LEDGER_ANCHOR_SECRET_ACCESS_KEY',
] as const

function credentialsOf(config: Config) {
  const { LEDGER_ANCHOR_ACCESS_KEY_ID: accessKeyId } = config
  const { LEDGER_ANCHOR_SECRET_ACCESS_KEY: secretAccessKey } = config
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey }
  }
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  const names = 'LEDGER_ANCHOR_ACCESS_KEY_ID and LEDGER_ANCHOR_SECRET_ACCESS_KEY'
  throw anchorBucketUnusable(`only one of ${names} is set; set both or none`)
}
