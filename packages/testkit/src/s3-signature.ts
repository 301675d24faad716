import { createHmac, hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface S3Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export type SignatureFault = 'AccessDenied' | 'InvalidAccessKeyId' | 'SignatureDoesNotMatch'

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8}\/[^/]+\/s3\/aws4_request), ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

/**
 * What is wrong with the signature of a request, by AWS Signature Version 4 for S3; undefined when
 * it is good.
 */
export function judgeSignature(
  request: IncomingMessage,
  body: Buffer,
  keys: S3Keys,
): SignatureFault | undefined {
  const [, keyId, scope = '', names = '', signature] =
    AUTHORIZATION.exec(request.headers.authorization ?? '') ?? []
  if (signature === undefined) return 'AccessDenied'
  if (keyId !== keys.accessKeyId) return 'InvalidAccessKeyId'
  const payload = String(request.headers['x-amz-content-sha256'])
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== hash('sha256', body, 'hex')) {
    return 'SignatureDoesNotMatch'
  }
  const canonical = canonicalRequest(request, names.split(';'), payload)
  const time = String(request.headers['x-amz-date'])
  const text = ['AWS4-HMAC-SHA256', time, scope, hash('sha256', canonical, 'hex')].join('\n')
  let key = Buffer.from(`AWS4${keys.secretAccessKey}`)
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest()
  const own = createHmac('sha256', key).update(text).digest('hex')
  return own === signature ? undefined : 'SignatureDoesNotMatch'
}

function canonicalRequest(request: IncomingMessage, names: string[], payload: string): string {
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const pairs = query.split('&').filter((pair) => pair !== '')
  const canonicalQuery = pairs
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&')
  const headers = names.map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  return [request.method, path, canonicalQuery, headers.join(''), names.join(';'), payload].join(
    '\n',
  )
}
