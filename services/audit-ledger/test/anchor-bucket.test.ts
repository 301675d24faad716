import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { eventually, startTestDatabase, type BucketFault, type TestBucket } from '@mumega/testkit'
import { copyName } from '../src/anchoring/anchor-place.ts'
import { findStart } from '../src/anchoring/find-start.ts'
import { anIntent, givenLedger, healthOfLedger, publishIntents, untilSealed } from './given.ts'
import type { TestLedger } from './given.ts'
import {
  forkOf,
  givenBucket,
  givenBucketPlace,
  givenCopier,
  growTo,
  keyOf,
  notesOf,
  openFindings,
  placeHealth,
  settingsFor,
  untilTrouble,
} from './given-anchors.ts'

const DAY_MS = 86_400_000

let ledger: TestLedger
let notes: string[]
let bucket: TestBucket

beforeAll(async () => {
  // Takes Jest seconds on a busy machine, and is none of the tests' time.
  await import('@aws-sdk/client-s3')
  ledger = await givenLedger()
  await growTo(ledger, 3)
  notes = await notesOf(ledger)
})
afterAll(() => ledger.stop())
beforeEach(async () => {
  bucket = await givenBucket()
})

const keyFor = (anchor: number) => `main/${copyName(anchor)}`

async function copierOf() {
  return givenCopier(ledger, await givenBucketPlace(ledger, bucket))
}

/** Each of the three once, with its bytes, under a lock that nobody can end. */
function expectLocked(): void {
  expect(bucket.keys()).toEqual([keyFor(1), keyFor(2), keyFor(3), 'main/log.vkey'])
  for (const key of bucket.keys()) {
    const [version, ...more] = bucket.versions(key)
    expect(more).toEqual([])
    expect(version?.lock?.mode).toBe('COMPLIANCE')
    expect(version?.lock?.until.getTime()).toBeGreaterThan(Date.now() + 29 * DAY_MS)
  }
  const kept = [1, 2, 3].map((anchor) => bucket.versions(keyFor(anchor))[0]?.bytes?.toString())
  expect(kept).toEqual(notes)
}

test('each anchor is kept in the bucket once, under a lock in COMPLIANCE mode, whoever copies it again', async () => {
  const copiers = await Promise.all([copierOf(), copierOf()])

  await Promise.all(copiers.map((copier) => copier.untilRound()))

  expectLocked()
  expect(copiers.map((copier) => copier.trouble())).toEqual([undefined, undefined])
  expect(await openFindings(ledger)).toEqual([])
})

test.each<[what: string, fault: BucketFault, said: RegExp]>([
  ['does not answer', 'hangs', /did not answer within 1000 ms/],
  ['is overloaded', 'breaks', /answered with status 503/],
  ['refuses', 'denies', /needs the rights s3:/],
  ['answers nonsense', 'answers-nonsense', /cannot be reached, or its answer not be understood/],
  ['is busy with the same copy', 'conflicts', /does not keep what it took/],
  ['forgets what it took', 'forgets-objects', /answered with status 404/],
])(
  'a bucket that %s is told in health, and gets every copy when it is well again',
  async (_, fault, said) => {
    const place = await givenBucketPlace(ledger, bucket, fault === 'hangs' ? 1_000 : 10_000)
    await place.open(new AbortController().signal)
    bucket.suffer(fault)
    const copier = await givenCopier(ledger, place)

    expect(await untilTrouble(copier)).toMatch(said)

    expect(copier.figures().copied).toBe(0)
    bucket.suffer(undefined)
    await copier.untilRound()
    expectLocked()
    expect(copier.trouble()).toBeUndefined()
  },
)

test('a copy that the bucket took, and whose answer was lost, is there once and counts', async () => {
  const place = await givenBucketPlace(ledger, bucket)
  await place.open(new AbortController().signal)
  bucket.suffer('loses-answers')

  const copier = await givenCopier(ledger, place)
  await copier.untilCopied(3)

  expectLocked()
  expect(await openFindings(ledger)).toEqual([])
})

test.each<[what: string, fault: BucketFault]>([
  ['does not lock what it takes', 'forgets-locks'],
  ['locks it for a shorter time', 'shortens-locks'],
])('a bucket that %s is not believed: nothing counts as copied', async (_, fault) => {
  const place = await givenBucketPlace(ledger, bucket)
  await place.open(new AbortController().signal)
  bucket.suffer(fault)

  const copier = await givenCopier(ledger, place)

  expect(await untilTrouble(copier)).toMatch(/does not keep a copy under Object Lock/)
  expect(copier.figures()).toMatchObject({ copied: 0, waiting: 3 })
})

test('a copy that is not locked does not count, though it has the right bytes and stood there before', async () => {
  bucket.add(keyFor(1), Buffer.from(notes[0] ?? ''))

  const copier = await copierOf()

  expect(await untilTrouble(copier)).toMatch(/does not keep a copy under Object Lock/)
  expect(copier.figures().copied).toBe(0)
})

test('bytes that the bucket changed are found, and do not stop the ledger', async () => {
  const place = await givenBucketPlace(ledger, bucket)
  await place.open(new AbortController().signal)
  bucket.suffer('keeps-other-bytes')

  const copier = await givenCopier(ledger, place)
  await copier.untilCopied(3)

  expect(await openFindings(ledger)).toEqual([
    'anchor-copy-altered at anchor 1, bucket',
    'anchor-copy-altered at anchor 2, bucket',
    'anchor-copy-altered at anchor 3, bucket',
  ])
  expect(copier.halting).toEqual([])
  bucket.suffer(undefined)
  for (const anchor of [1, 2, 3]) bucket.lose(keyFor(anchor))
  await copier.untilRound()
  await copier.untilRound()
  expectLocked()
  expect(await openFindings(ledger)).toEqual([])
})

test('another history in the bucket halts the ledger, also under a delete marker or a newer version', async () => {
  const key = await keyOf(ledger)
  const first = await copierOf()
  await first.untilCopied(3)
  await first.stop()
  const until = new Date(Date.now() + 30 * DAY_MS)
  bucket.lose(keyFor(3))
  bucket.add(keyFor(3), forkOf(key, 3), { mode: 'COMPLIANCE', until })
  bucket.add(keyFor(3), undefined)

  const copier = await copierOf()

  expect(await untilTrouble(copier)).toMatch(/anchor-forked at anchor 3, bucket/)
  expect(copier.halting[0]).toMatchObject({
    found: `root ${'ab'.repeat(32)}, signed too, in the bucket`,
  })
  expect(await openFindings(ledger)).toEqual(['anchor-forked at anchor 3, bucket'])
  bucket.lose(keyFor(3))
  await copier.untilCopied(3)
  await copier.untilRound()
  expectLocked()
  expect(await openFindings(ledger)).toEqual([])
})

test('what comes on top of a copy, a version or a delete marker, takes nothing away', async () => {
  const copier = await copierOf()
  await copier.untilCopied(3)
  bucket.add(keyFor(2), Buffer.from('other'))
  bucket.add(keyFor(3), undefined)

  await copier.untilRound()

  expect(await openFindings(ledger)).toEqual([])
  expect(bucket.versions(keyFor(3))).toHaveLength(2)
})

test('a copy that a crash left out, of those that were made at once, is made and is no finding', async () => {
  const first = await copierOf()
  await first.untilCopied(3)
  await first.stop()
  bucket.lose(keyFor(2))
  const before = await ledger.sql('select from audit_findings')

  const copier = await copierOf()
  await copier.untilRound()

  expectLocked()
  expect(await ledger.sql('select from audit_findings')).toHaveLength(before.length)
})

test('a copier finds where it was among thousands of anchors with few requests', async () => {
  const database = await startTestDatabase(['audit-ledger'])
  const db = database.open('audit-ledger')
  await db.raw(`
    insert into audit_chain_anchors (anchor, from_index, to_index, root, note, previous_hash, hash,
                                     signed_at)
    select n, 256 * (n - 1), 256 * n - 1, sha256(n::text::bytea), 'note',
           sha256((n - 1)::text::bytea), sha256(n::text::bytea), now()
      from generate_series(1, 5000) n`)
  const lock = { mode: 'COMPLIANCE', until: new Date(Date.now() + DAY_MS) }
  for (let anchor = 1; anchor <= 3_210; anchor += 1) {
    bucket.add(keyFor(anchor), Buffer.from('note'), lock)
  }
  const place = await givenBucketPlace(ledger, bucket)
  const { open: openNote } = await keyOf(ledger)

  const start = await findStart({ place, db, openNote }, new AbortController().signal)

  await database.drop()
  expect(start).toBe(3_210 - place.width)
  expect(bucket.requests.length).toBeLessThan(2 * 15)
})

test('a copier whose copies are all there asks for the newest alone', async () => {
  const first = await copierOf()
  await first.untilCopied(3)
  await first.stop()
  const place = await givenBucketPlace(ledger, bucket)
  const before = bucket.requests.length

  const start = await findStart(
    { place, db: ledger.pool(), openNote: (await keyOf(ledger)).open },
    new AbortController().signal,
  )

  expect(start).toBe(0)
  // Whether the fourth is there, then the newest: one question for its versions, and its bytes.
  expect(bucket.requests.slice(before)).toEqual([
    'GET max-keys&prefix&versions',
    'GET max-keys&prefix&versions',
    `GET ${keyFor(3)}`,
  ])
})

test('the ledger seals and signs while its bucket is away, says so, and ends at once when told to', async () => {
  const other = await givenLedger({
    settings: { ...settingsFor(bucket), LEDGER_ANCHOR_BUCKET_TIMEOUT_MS: 1_000 },
  })
  try {
    const bridge = await other.bus('bridge')
    const healthy = async () => (await placeHealth(bridge, 'bucket'))?.status === 'ok'
    await growTo(other, 1)
    await eventually(
      async () => (await healthOfLedger(bridge)).figures['anchorBucketCopied'] === 1,
      { what: 'the first copy' },
    )
    await eventually(healthy, { what: 'a bucket that is well' })

    bucket.suffer('hangs')
    await growTo(other, 2)
    const health = await eventually(
      async () => {
        const now = await placeHealth(bridge, 'bucket')
        return now?.status === 'failing' && now
      },
      { what: 'the trouble in health' },
    )
    expect(health.reason).toMatch(/the bucket for anchors did not answer within 1000 ms/)
    const { status, figures } = await healthOfLedger(bridge)
    expect({ status, waiting: figures['anchorBucketWaiting'] }).toEqual({
      status: 'ok',
      waiting: 1,
    })
    expect(figures['anchorBucketLagMs']).toBeGreaterThan(0)
    const { length } = await untilSealed(other, 512)
    await publishIntents(bridge, [anIntent()])
    await untilSealed(other, length + 1)
    const startedMs = performance.now()
    await other.rest()
    expect(performance.now() - startedMs).toBeLessThan(3_000)
  } finally {
    bucket.suffer(undefined)
    await other.stop()
  }
})
