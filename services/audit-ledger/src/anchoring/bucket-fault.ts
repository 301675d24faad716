import { PlaceFault } from './anchor-place.ts'

const RIGHTS =
  's3:GetBucketObjectLockConfiguration, s3:ListBucketVersions, s3:PutObject, ' +
  's3:PutObjectRetention, s3:GetObject, s3:GetObjectVersion and s3:GetObjectRetention'

// By the names that S3 and its SDK give them.
const FINAL: Readonly<Record<string, string>> = {
  ObjectLockConfigurationNotFoundError:
    'has no Object Lock: enable it, or name a bucket that has it',
  InvalidRequest: 'refuses copies under Object Lock: is Object Lock enabled on it?',
  NotImplemented: 'is of a server without Object Lock or conditional writes: take another one',
  NoSuchBucket: 'does not exist: make it, with Object Lock, or mend LEDGER_ANCHOR_BUCKET',
  AccessDenied: `refuses this ledger: it needs the rights ${RIGHTS}`,
  InvalidAccessKeyId: 'does not know the access key: mend the credentials',
  SignatureDoesNotMatch: 'does not accept the secret key: mend the credentials',
  CredentialsProviderError:
    'needs credentials, and none were found: set LEDGER_ANCHOR_ACCESS_KEY_ID and ' +
    'LEDGER_ANCHOR_SECRET_ACCESS_KEY, or what the AWS SDK looks for',
  PermanentRedirect: 'is in another region: mend LEDGER_ANCHOR_BUCKET_REGION',
  AuthorizationHeaderMalformed: 'is in another region: mend LEDGER_ANCHOR_BUCKET_REGION',
  ENOTFOUND: 'is at a host that does not exist: mend LEDGER_ANCHOR_BUCKET_URL',
}

/** In words for an operator, and whether waiting may help. */
export function explainAnswer(error: unknown, timeoutMs: number): PlaceFault {
  if (error instanceof PlaceFault) return error
  const [name, code, status] = [textOf(error, 'name'), textOf(error, 'code'), statusOf(error)]
  const known = [name, code].find((each) => Object.hasOwn(FINAL, each))
  if (known !== undefined)
    return new PlaceFault(FINAL[known] ?? known, { isFinal: true, cause: error })
  if (name === 'TimeoutError' || name === 'AbortError') {
    return new PlaceFault(`did not answer within ${timeoutMs} ms`, { cause: error })
  }
  if (status === undefined || status < 300) {
    const reason =
      'cannot be reached, or its answer not be understood: is its URL right, and is it up?'
    return new PlaceFault(reason, { cause: error })
  }
  const isFinal = status >= 300 && status < 500 && ![408, 409, 412, 425, 429].includes(status)
  return new PlaceFault(`answered with status ${status} (${name})`, { isFinal, cause: error })
}

/** Of the answer that an error of the SDK tells; undefined where there was none. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined
  const { $metadata: metadata } = error
  if (typeof metadata !== 'object' || metadata === null) return undefined
  const status = 'httpStatusCode' in metadata ? metadata.httpStatusCode : undefined
  return typeof status === 'number' ? status : undefined
}

function textOf(error: unknown, field: 'name' | 'code'): string {
  if (typeof error !== 'object' || error === null || !(field in error)) return ''
  const value = (error as Readonly<Record<string, unknown>>)[field]
  return typeof value === 'string' ? value : ''
}
