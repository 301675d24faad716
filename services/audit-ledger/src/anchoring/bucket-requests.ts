import { hash } from 'node:crypto'
import type * as S3 from '@aws-sdk/client-s3'
import { COPY_BYTES_MAX, PlaceFault } from './anchor-place.ts'
import { statusOf } from './bucket-fault.ts'

export interface BucketOptions {
  readonly bucket: string
  /** Absent for Amazon's own. */
  readonly endpoint: string | undefined
  readonly region: string
  readonly retentionDays: number
  /** Absent where the SDK is to find them by itself. */
  readonly credentials: { accessKeyId: string; secretAccessKey: string } | undefined
  /** Milliseconds that a copy has with all its requests. */
  readonly timeoutMs: number
}

/** The requests of S3 that copies need. Each throws PlaceFault, or what the SDK throws. */
export interface Bucket {
  /** Loads what the first request would load. */
  load(): Promise<void>
  checkLock(signal: AbortSignal): Promise<void>
  /** Unless something stands there: then nothing is said, and it is to be read. */
  put(key: string, bytes: Buffer, signal: AbortSignal): Promise<void>
  /** The bytes of the oldest version. */
  read(key: string, signal: AbortSignal): Promise<Buffer | undefined>
  close(): void
}

const DAY_MS = 86_400_000
const VERSIONS_MAX = 1_000
const UNLOCKED =
  'does not keep a copy under Object Lock in COMPLIANCE mode as it was told to, or does not say ' +
  'so: look at the bucket, and at the right s3:GetObjectRetention'

export function openBucket(options: BucketOptions): Bucket {
  const s3 = openSdk(options)
  return {
    async load() {
      await s3.get()
    },
    checkLock: async (signal) => checkLock(await s3.get(), signal),
    put: async (key, bytes, signal) => put(await s3.get(), { key, bytes }, signal),
    read: async (key, signal) => read(await s3.get(), key, signal),
    close: s3.close,
  }
}

interface Sdk {
  readonly client: S3.S3Client
  readonly sdk: typeof S3
  readonly options: BucketOptions
}

/** Loads the SDK only where there is a bucket: it takes 0.2 s and 25 MB. */
function openSdk(options: BucketOptions) {
  const { endpoint, region, credentials, timeoutMs } = options
  let opened: Promise<Sdk> | undefined

  async function open(): Promise<Sdk> {
    const sdk = await import('@aws-sdk/client-s3')
    const client = new sdk.S3Client({
      region,
      // Tried again by who asks, which then shows in health.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs },
      // Other makers' servers have no name for each bucket.
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      ...(credentials !== undefined && { credentials }),
    })
    return { client, sdk, options }
  }

  return {
    get: () => (opened ??= open()),
    close: () =>
      void opened?.then(({ client }) => {
        client.destroy()
      }),
  }
}

async function checkLock({ client, sdk, options }: Sdk, abortSignal: AbortSignal): Promise<void> {
  const request = new sdk.GetObjectLockConfigurationCommand({ Bucket: options.bucket })
  const { ObjectLockConfiguration: lock } = await client.send(request, { abortSignal })
  if (lock?.ObjectLockEnabled === 'Enabled') return
  const remedy = 'enable it, or name a bucket that has it'
  throw new PlaceFault(`has no Object Lock: ${remedy}`, { isFinal: true })
}

interface Written {
  readonly key: string
  readonly bytes: Buffer
}

async function put(
  { client, sdk, options }: Sdk,
  { key, bytes }: Written,
  abortSignal: AbortSignal,
): Promise<void> {
  // Whole seconds, as S3 tells it again.
  const untilMs = Math.ceil((Date.now() + options.retentionDays * DAY_MS) / 1_000) * 1_000
  const request = new sdk.PutObjectCommand({
    Bucket: options.bucket,
    Key: key,
    Body: bytes,
    ContentType: 'text/plain; charset=utf-8',
    ChecksumSHA256: hash('sha256', bytes, 'base64'),
    IfNoneMatch: '*',
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate: new Date(untilMs),
  })
  let versionId: string | undefined
  try {
    versionId = (await client.send(request, { abortSignal })).VersionId
  } catch (error) {
    // Something stands there, or is being written at this moment.
    if (statusOf(error) === 412 || statusOf(error) === 409) return
    throw error
  }
  const asked = { Bucket: options.bucket, Key: key, VersionId: versionId }
  const kept = await client.send(new sdk.HeadObjectCommand(asked), { abortSignal })
  const keptMs = kept.ObjectLockRetainUntilDate?.getTime() ?? 0
  if (kept.ObjectLockMode === 'COMPLIANCE' && keptMs >= untilMs) return
  throw new PlaceFault(UNLOCKED, { isFinal: true })
}

async function read(s3: Sdk, key: string, abortSignal: AbortSignal): Promise<Buffer | undefined> {
  const oldest = await findOldest(s3, key, abortSignal)
  if (oldest === undefined) return undefined
  const { client, sdk, options } = s3
  const asked = { Bucket: options.bucket, Key: key, VersionId: oldest.VersionId }
  const object = await client.send(new sdk.GetObjectCommand(asked), { abortSignal })
  // Its retention may be over by now, and was then of another length than one is today.
  const writtenMs = object.LastModified?.getTime() ?? Infinity
  const keptMs = object.ObjectLockRetainUntilDate?.getTime() ?? 0
  if (object.ObjectLockMode === 'COMPLIANCE' && keptMs > writtenMs) return readBody(object.Body)
  throw new PlaceFault(UNLOCKED, { isFinal: true })
}

async function findOldest(
  { client, sdk, options }: Sdk,
  key: string,
  abortSignal: AbortSignal,
): Promise<S3.ObjectVersion | undefined> {
  const asked = { Bucket: options.bucket, Prefix: key, MaxKeys: VERSIONS_MAX }
  const answer = await client.send(new sdk.ListObjectVersionsCommand(asked), { abortSignal })
  if (answer.IsTruncated === true) {
    throw new PlaceFault(`has more than ${VERSIONS_MAX} versions of one copy: who writes them?`)
  }
  // Newest first, says S3.
  return answer.Versions?.filter((version) => version.Key === key).at(-1)
}

async function readBody(body: unknown): Promise<Buffer> {
  // In Node the SDK gives the answer's stream.
  const stream = body as AsyncIterable<Uint8Array>
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of stream) {
    parts.push(part)
    length += part.length
    if (length > COPY_BYTES_MAX) break
  }
  return Buffer.concat(parts).subarray(0, COPY_BYTES_MAX)
}
