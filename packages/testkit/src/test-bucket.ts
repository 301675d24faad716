import { hash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { startLoopbackServer } from './loopback-server.ts'
import { judgeSignature, type S3Keys } from './s3-signature.ts'

/** What a bucket does wrong, or what goes wrong with it, until it is told otherwise. */
export type BucketFault =
  | 'hangs'
  /** It answers 503 SlowDown. */
  | 'breaks'
  | 'denies'
  | 'answers-nonsense'
  /** It has a configuration of Object Lock that enables nothing. */
  | 'enables-no-lock'
  /** Another put of the same key is under way, it says (409). */
  | 'conflicts'
  /** It takes what is put, and ends the connection before its answer. */
  | 'loses-answers'
  /** It takes what is put, and does not lock it. */
  | 'forgets-locks'
  /** It locks what is put, for one hour. */
  | 'shortens-locks'
  | 'keeps-other-bytes'
  /** It says that it took what is put, and did not. */
  | 'forgets-objects'

export interface BucketVersion {
  readonly versionId: string
  /** Undefined for a delete marker. */
  readonly bytes: Buffer | undefined
  readonly writtenAt: Date
  readonly lock: { readonly mode: string; readonly until: Date } | undefined
}

export interface TestBucket extends S3Keys {
  readonly url: string
  readonly name: string
  readonly region: string
  /** Requests so far, as `<method> <operation or key>`. */
  readonly requests: readonly string[]
  readonly atOnceMax: number
  keys(): string[]
  /** Of one key, oldest first. */
  versions(key: string): readonly BucketVersion[]
  /** Adds a version, as anybody with the right to write may; a delete marker without bytes. */
  add(key: string, bytes: Buffer | undefined, lock?: BucketVersion['lock']): void
  /** Removes all versions of a key, which no good bucket would. */
  lose(key: string): void
  suffer(fault: BucketFault | undefined): void
  stop(): Promise<void>
}

interface State {
  readonly name: string
  readonly isLockEnabled: boolean
  readonly objects: Map<string, BucketVersion[]>
  fault: BucketFault | undefined
}

interface Asked {
  readonly method: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
}

const KEYS = { accessKeyId: 'AKIATESTKIT', secretAccessKey: 'secret-of-the-test-kit' }
const HOUR_MS = 3_600_000

/**
 * A bucket that speaks S3's own protocol over HTTP, as far as write-once copies need it: versions,
 * conditional puts, Object Lock, signatures of version 4. A stranger, and so the only thing of this
 * kind that may be faked. After Amazon's API reference of GetObjectLockConfiguration, PutObject,
 * HeadObject, GetObject and ListObjectVersions.
 */
export async function startTestBucket({ isLockEnabled = true } = {}): Promise<TestBucket> {
  const name = 'anchors'
  const state: State = { name, isLockEnabled, objects: new Map(), fault: undefined }
  const requests: string[] = []

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    const asked = askedOf(request, body)
    requests.push(`${asked.method} ${asked.key || [...asked.query.keys()].join('&')}`)
    if (state.fault === 'hangs') return
    const refusal = judgeSignature(request, body, KEYS)
    const said = refusal === undefined ? handle(state, asked) : fail(403, refusal)
    const isTaken = asked.method === 'PUT' && said.status === 200
    if (state.fault === 'loses-answers' && isTaken) response.destroy()
    else response.writeHead(said.status, headersOf(said)).end(said.body)
  }

  const server = await startLoopbackServer(answer)

  return {
    ...KEYS,
    url: server.url,
    name,
    region: 'eu-test-1',
    requests,
    get atOnceMax() {
      return server.atOnceMax()
    },
    keys: () => [...state.objects.keys()].sort(),
    versions: (key) => state.objects.get(key) ?? [],
    add: (key, bytes, lock) => void store(state, key, { bytes, lock }),
    lose: (key) => void state.objects.delete(key),
    suffer(fault) {
      state.fault = fault
    },
    stop: server.stop,
  }
}

function askedOf({ method = '', url = '', headers }: IncomingMessage, body: Buffer): Asked {
  const { pathname, searchParams: query } = new URL(url, 'http://bucket.invalid')
  const [, bucket = '', ...path] = pathname.split('/')
  const key = decodeURIComponent(path.join('/'))
  return { method, bucket, key, query, headers, body }
}

function handle(state: State, asked: Asked): Answer {
  const { method, key, query } = asked
  if (state.fault === 'breaks') return fail(503, 'SlowDown')
  if (asked.bucket !== state.name) return fail(404, 'NoSuchBucket')
  if (state.fault === 'denies') return fail(403, 'AccessDenied')
  if (state.fault === 'answers-nonsense') return { status: 200, body: '<Thank><you' }
  if (key === '' && method === 'GET' && query.has('object-lock')) return lockOf(state)
  if (key === '' && method === 'GET' && query.has('versions')) return listVersions(state, query)
  if (key !== '' && method === 'PUT') return put(state, asked)
  if (key !== '' && (method === 'GET' || method === 'HEAD')) return get(state, asked)
  return fail(501, 'NotImplemented')
}

function lockOf({ isLockEnabled, fault }: State): Answer {
  if (!isLockEnabled) return fail(404, 'ObjectLockConfigurationNotFoundError')
  if (fault === 'enables-no-lock') return xml(200, 'ObjectLockConfiguration', '')
  return xml(200, 'ObjectLockConfiguration', '<ObjectLockEnabled>Enabled</ObjectLockEnabled>')
}

function put(state: State, { key, headers, body }: Asked): Answer {
  const mode = headers['x-amz-object-lock-mode']
  const until = headers['x-amz-object-lock-retain-until-date']
  if (mode !== undefined && !state.isLockEnabled) return fail(400, 'InvalidRequest')
  if (mode !== undefined && new Date(String(until)).getTime() <= Date.now()) {
    return fail(400, 'InvalidArgument')
  }
  const checksum = headers['x-amz-checksum-sha256']
  if (mode !== undefined && checksum === undefined && headers['content-md5'] === undefined) {
    return fail(400, 'InvalidRequest')
  }
  if (checksum !== undefined && checksum !== hash('sha256', body, 'base64')) {
    return fail(400, 'BadDigest')
  }
  if (state.fault === 'conflicts') return fail(409, 'ConditionalRequestConflict')
  // A delete marker is no object, so that the condition holds over one.
  const current = state.objects.get(key)?.at(-1)
  if (headers['if-none-match'] === '*' && current?.bytes !== undefined) {
    return fail(412, 'PreconditionFailed')
  }
  if (state.fault === 'forgets-objects') return { status: 200, headers: { etag: '"0"' } }
  const asked = mode === undefined ? undefined : { mode: String(mode), until: dateOf(until) }
  const bytes = state.fault === 'keeps-other-bytes' ? Buffer.from('other') : body
  const { versionId } = store(state, key, { bytes, lock: lockAfter(state.fault, asked) })
  return { status: 200, headers: { etag: etagOf(bytes), 'x-amz-version-id': versionId } }
}

function lockAfter(fault: BucketFault | undefined, asked: BucketVersion['lock']) {
  if (fault === 'forgets-locks' || asked === undefined) return undefined
  return fault === 'shortens-locks' ? { ...asked, until: new Date(Date.now() + HOUR_MS) } : asked
}

function store(
  { objects }: State,
  key: string,
  written: Pick<BucketVersion, 'bytes' | 'lock'>,
): BucketVersion {
  const version = { versionId: randomUUID(), writtenAt: new Date(), ...written }
  objects.set(key, [...(objects.get(key) ?? []), version])
  return version
}

function get({ objects }: State, { method, key, query }: Asked): Answer {
  const versions = objects.get(key) ?? []
  const wanted = query.get('versionId')
  const found = versions.find(({ versionId }) => versionId === wanted)
  const version = wanted === null ? versions.at(-1) : found
  // A HEAD has no body, and so no code of an error either.
  if (version?.bytes === undefined) {
    return method === 'HEAD'
      ? { status: 404 }
      : fail(404, wanted === null ? 'NoSuchKey' : 'NoSuchVersion')
  }
  const { bytes, versionId, writtenAt, lock } = version
  return {
    status: 200,
    headers: {
      etag: etagOf(bytes),
      'last-modified': writtenAt.toUTCString(),
      'content-length': String(bytes.length),
      'x-amz-version-id': versionId,
      ...(lock !== undefined && {
        'x-amz-object-lock-mode': lock.mode,
        'x-amz-object-lock-retain-until-date': lock.until.toISOString(),
      }),
    },
    ...(method === 'GET' && { body: bytes }),
  }
}

/** In the order of the keys, and of each key the newest first. */
function listVersions({ name, objects }: State, query: URLSearchParams): Answer {
  const prefix = query.get('prefix') ?? ''
  const max = Number(query.get('max-keys') ?? 1_000)
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort()
  const all = keys.flatMap((key) =>
    [...(objects.get(key) ?? [])].reverse().map((version, nth) => {
      const element = version.bytes === undefined ? 'DeleteMarker' : 'Version'
      const fields = [
        `<Key>${key}</Key><VersionId>${version.versionId}</VersionId>`,
        `<IsLatest>${nth === 0}</IsLatest>`,
        `<LastModified>${version.writtenAt.toISOString()}</LastModified>`,
      ]
      return `<${element}>${fields.join('')}</${element}>`
    }),
  )
  const head = [
    `<Name>${name}</Name><Prefix>${prefix}</Prefix><MaxKeys>${max}</MaxKeys>`,
    `<IsTruncated>${all.length > max}</IsTruncated>`,
  ]
  return xml(200, 'ListVersionsResult', [...head, ...all.slice(0, max)].join(''))
}

function fail(status: number, code: string): Answer {
  const fields = `<Code>${code}</Code><Message>${code}</Message><RequestId>1</RequestId>`
  return { ...xml(status, 'Error', fields) }
}

function xml(status: number, root: string, fields: string): Answer {
  const space = root === 'Error' ? '' : ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${space}>${fields}</${root}>`
  return { status, headers: { 'content-type': 'application/xml' }, body }
}

function headersOf({ headers = {} }: Answer): Record<string, string> {
  return { 'x-amz-request-id': randomUUID(), ...headers }
}

function etagOf(bytes: Buffer): string {
  return `"${hash('md5', bytes, 'hex')}"`
}

function dateOf(header: string | string[] | undefined): Date {
  return new Date(String(header))
}
