import { chmodSync, mkdtempSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach } from '@jest/globals'
import { systemClock } from '@mumega/config/clock'
import type { DependencyHealth } from '@mumega/contracts/health'
import type { Bus } from '@mumega/bus'
import type { Knex } from '@mumega/db'
import { eventually, startTestBucket, type TestBucket } from '@mumega/testkit'
import { copyName, type AnchorPlace } from '../src/anchoring/anchor-place.ts'
import { bucketPlace } from '../src/anchoring/bucket-place.ts'
import { startCopier, type Copier, type CopierFigures } from '../src/anchoring/copier.ts'
import { openCopyFindings } from '../src/anchoring/copy-findings.ts'
import { folderPlace } from '../src/anchoring/folder-place.ts'
import type { Config } from '../src/config.ts'
import { openFindingRecord } from '../src/scrubbing/finding-record.ts'
import type { Finding } from '../src/scrubbing/finding.ts'
import { readLogKey, type LogKey } from '../src/signing/log-key.ts'
import {
  anIntent,
  checkpointOf,
  healthOfLedger,
  publishIntents,
  sealedKeys,
  type TestLedger,
} from './given.ts'

const ANCHOR_EVENTS = 256

/** Grows the log until it has so many anchors. */
export async function growTo(ledger: TestLedger, anchors: number): Promise<void> {
  const bridge = await ledger.bus('bridge')
  const missing = anchors * ANCHOR_EVENTS - (await sealedKeys(ledger)).length
  for (let left = missing; left > 0; left -= 64) {
    await publishIntents(
      bridge,
      Array.from({ length: Math.min(64, left) }, () => anIntent()),
    )
  }
  await eventually(
    async () => {
      const size = Number((await checkpointOf(bridge)).note?.split('\n')[1])
      return size >= anchors * ANCHOR_EVENTS
    },
    { what: `${anchors} anchors` },
  )
}

export function keyOf({ config }: TestLedger): Promise<LogKey> {
  return readLogKey(config.LEDGER_KEY_FILE, config.LEDGER_ORIGIN)
}

/** The notes of the anchors, as the database has them, oldest first. */
export async function notesOf(ledger: TestLedger): Promise<string[]> {
  const rows = await ledger.sql<{ note: string }>(
    'select note from audit_chain_anchors order by anchor',
  )
  return rows.map(({ note }) => note)
}

/** What the log's key never signed in this history, for an anchor. */
export function forkOf(key: LogKey, anchor: number): Buffer {
  return Buffer.from(key.sign(anchor * ANCHOR_EVENTS, Buffer.alloc(32, 0xab)))
}

/** The folder of a ledger that was told of none. */
export function folderOf({ config }: TestLedger): string {
  return `${config.LEDGER_KEY_FILE}.checkpoint.anchors`
}

/** A folder that nobody has used, beside the ledger's own files. */
export function newFolder({ config }: TestLedger): string {
  return mkdtempSync(`${config.LEDGER_KEY_FILE}-folder-`)
}

export function pathOf(folder: string, anchor: number): string {
  return join(folder, copyName(anchor))
}

/** Everything in the folder that is no draft, by its path in it. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** Replaces a copy, as only the owner of the folder can. */
export function replaceCopy(folder: string, anchor: number, bytes: Buffer): void {
  unlinkSync(pathOf(folder, anchor))
  writeFileSync(pathOf(folder, anchor), bytes)
  chmodSync(pathOf(folder, anchor), 0o444)
}

/** The settings of a ledger that copies to this bucket. */
export function settingsFor(bucket: TestBucket) {
  return {
    LEDGER_ANCHOR_BUCKET: bucket.name,
    LEDGER_ANCHOR_BUCKET_URL: bucket.url,
    LEDGER_ANCHOR_BUCKET_REGION: bucket.region,
    LEDGER_ANCHOR_BUCKET_PREFIX: 'main/',
    LEDGER_ANCHOR_RETENTION_DAYS: 30,
    LEDGER_ANCHOR_ACCESS_KEY_ID: bucket.accessKeyId,
    LEDGER_ANCHOR_SECRET_ACCESS_KEY: bucket.secretAccessKey,
  } satisfies Partial<Config>
}

/** Asked again at once, so that no test waits. */
const HURRY = { lookMs: 0, backOffMsMax: 50 }

export async function givenFolder(ledger: TestLedger, path: string): Promise<AnchorPlace> {
  const { vkey } = await keyOf(ledger)
  return { ...folderPlace({ path, mayBeMade: true, vkey }), ...HURRY }
}

export async function givenBucketPlace(
  ledger: TestLedger,
  bucket: TestBucket,
  timeoutMs = 10_000,
): Promise<AnchorPlace> {
  const { vkey } = await keyOf(ledger)
  const place = bucketPlace({
    bucket: bucket.name,
    endpoint: bucket.url,
    region: bucket.region,
    prefix: 'main/',
    retentionDays: 30,
    credentials: bucket,
    vkey,
    timeoutMs,
  })
  return { ...place, ...HURRY }
}

export interface TestCopier extends Copier {
  /** Those over which the ledger would have stopped. */
  readonly halting: readonly Finding[]
  /** Resolves when so many anchors are copied. */
  untilCopied(anchors: number): Promise<void>
  /** Resolves when every copy has been read again from now on, and no failure stands. */
  untilRound(): Promise<void>
}

const isDone = ({ copied, waiting }: CopierFigures) => copied > 0 && waiting === 0
const copiers: Copier[] = []
const pools = new WeakMap<TestLedger, Knex>()

function poolOf(ledger: TestLedger): Knex {
  const pool = pools.get(ledger) ?? ledger.pool()
  pools.set(ledger, pool)
  return pool
}

/** The real copier over the anchors of a ledger. */
export async function givenCopier(ledger: TestLedger, place: AnchorPlace): Promise<TestCopier> {
  const { open: openNote } = await keyOf(ledger)
  const halting: Finding[] = []
  const db = poolOf(ledger)
  const findings = openCopyFindings({
    record: openFindingRecord(db, systemClock),
    clock: systemClock,
    places: 1,
    onHalting: (finding) => halting.push(finding),
  })
  const copier = startCopier({ place, db, openNote, findings, restMs: 5 })
  copiers.push(copier)
  return {
    ...copier,
    halting,
    async untilCopied(anchors) {
      await eventually(() => Promise.resolve(copier.figures().copied >= anchors), {
        what: `${anchors} copies`,
      })
    },
    async untilRound() {
      await eventually(() => Promise.resolve(isDone(copier.figures())), {
        what: 'every copy',
      })
      const { rounds } = copier.figures()
      // The round that is under way may have passed what was changed just now.
      await eventually(() => Promise.resolve(copier.figures().rounds > rounds + 1), {
        what: 'a round over the copies',
      })
    },
  }
}

const buckets: TestBucket[] = []

/** A bucket that is ended with the test. */
export async function givenBucket({ isLockEnabled = true } = {}): Promise<TestBucket> {
  const bucket = await startTestBucket({ isLockEnabled })
  buckets.push(bucket)
  return bucket
}

afterEach(async () => {
  await Promise.all(copiers.splice(0).map((copier) => copier.stop()))
  await Promise.all(buckets.splice(0).map((bucket) => bucket.stop()))
})

/** Findings on record that are not cleared, as kind and place. */
export async function openFindings(ledger: TestLedger): Promise<string[]> {
  const rows = await ledger.sql<{ what: string }>(
    `select kind || ' at ' || place as what from audit_findings where cleared_at is null
      order by occurred_at`,
  )
  return rows.map(({ what }) => what)
}

export async function untilTrouble(copier: Copier): Promise<string> {
  return eventually(() => Promise.resolve(copier.trouble()), { what: 'the copier has trouble' })
}

export async function placeHealth(
  bus: Bus,
  place: 'folder' | 'bucket',
): Promise<DependencyHealth | undefined> {
  const { dependencies } = await healthOfLedger(bus)
  return dependencies.find(({ name }) => name === `anchor-${place}`)
}
