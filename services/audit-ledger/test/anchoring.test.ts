import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { eventually, type BucketFault } from '@mumega/testkit'
import { openPlaces } from '../src/anchoring/open-places.ts'
import type { Config } from '../src/config.ts'
import { anIntent, givenLedger, healthOfLedger, publishIntents, type TestLedger } from './given.ts'
import { givenProcess } from './given-process.ts'
import {
  filesOf,
  folderOf,
  givenBucket,
  growTo,
  keyOf,
  newFolder,
  openFindings,
  pathOf,
  settingsFor,
} from './given-anchors.ts'

let first: TestLedger
let second: TestLedger

/** Two histories under one key, as a database that was set back makes them. */
beforeAll(async () => {
  first = await givenLedger()
  const { LEDGER_KEY_FILE } = first.config
  second = await givenLedger({
    isRunning: false,
    settings: {
      LEDGER_KEY_FILE,
      // Lost with the database.
      LEDGER_CHECKPOINT_FILE: `${LEDGER_KEY_FILE}.other`,
    },
  })
  await growTo(first, 2)
  const bridge = await first.bus('bridge')
  await eventually(async () => (await healthOfLedger(bridge)).figures['anchorFolderCopied'] === 2, {
    what: 'two copies',
  })
  await first.rest()
})
afterEach(() => second.rest())
afterAll(async () => {
  await second.stop()
  await first.stop()
})

async function sealingOf(ledger: TestLedger): Promise<string | undefined> {
  const { dependencies } = await healthOfLedger(await ledger.bus('bridge'))
  return dependencies.find(({ name }) => name === 'sealing')?.reason
}

test('a ledger on a database that was set back seals nothing, and says which anchor it has lost', async () => {
  second.config.LEDGER_ANCHOR_DIR = folderOf(first)

  await second.run()

  await publishIntents(await second.bus('bridge'), [anIntent()])
  expect(await sealingOf(second)).toMatch(/anchor-lost at anchor 1, folder/)
  expect(await openFindings(second)).toEqual(['anchor-lost at anchor 1, folder'])
  expect(await second.sql('select from event_keys')).toEqual([])
  await second.rest()
})

test('a database that was set back and grew anew halts the ledger, also after a restart, until one history is left', async () => {
  // The finding of the test before is cleared by a round over copies that are its own.
  second.config.LEDGER_ANCHOR_DIR = newFolder(second)
  await second.run()
  await eventually(async () => (await openFindings(second)).length === 0, { what: 'the clearing' })
  await second.rest()
  await second.run()
  await growTo(second, 3)
  await second.rest()
  const [own = '', others] = [second.config.LEDGER_ANCHOR_DIR, folderOf(first)]
  const kept = readFileSync(pathOf(others, 2))

  second.config.LEDGER_ANCHOR_DIR = others
  await second.run()

  expect(await sealingOf(second)).toMatch(/anchor-forked at anchor 2, folder/)
  const forked = ['anchor-forked at anchor 2, folder', 'anchor-forked at anchor 1, folder']
  await eventually(async () => (await openFindings(second)).length === 2, { what: 'both anchors' })
  expect(await openFindings(second)).toEqual(forked)
  await second.rest()
  await second.run()
  expect(await sealingOf(second)).toMatch(/anchor-forked at anchor 2, folder/)
  expect(readFileSync(pathOf(others, 2))).toEqual(kept)
  expect(filesOf(others)).toEqual(filesOf(others).filter((file) => !file.endsWith('3.note')))
  await second.rest()
  second.config.LEDGER_ANCHOR_DIR = own
  await second.run()
  await eventually(async () => (await openFindings(second)).length === 0, { what: 'the clearing' })
  await second.rest()
  await second.run()
  expect(await sealingOf(second)).toBeUndefined()
})

describe('a ledger, or a standby, does not start', () => {
  const attempt = async (settings: Partial<Config>) => {
    const places = await openPlaces({ ...first.config, ...settings }, await keyOf(first))
    for (const place of places) place.close()
  }

  test('with a folder that is missing, is none, or holds another log', async () => {
    const used = newFolder(first)
    writeFileSync(`${used}/log.vkey`, 'another.example+00000000+AAAA\n')
    writeFileSync(`${used}-file`, '')
    const code = 'audit-ledger.anchor-dir-unusable'

    await expect(attempt({ LEDGER_ANCHOR_DIR: `${used}-missing` })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/is missing: is its disk mounted\? Make the folder/),
    })
    await expect(attempt({ LEDGER_ANCHOR_DIR: `${used}-file` })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/is not a folder/),
    })
    await expect(attempt({ LEDGER_ANCHOR_DIR: used })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/holds the anchors of another log, another.example/),
    })
  })

  test('with settings of a bucket that are not complete', async () => {
    const bucket = await givenBucket()
    const whole = settingsFor(bucket)
    const names = [
      'LEDGER_ANCHOR_BUCKET',
      'LEDGER_ANCHOR_BUCKET_REGION',
      'LEDGER_ANCHOR_RETENTION_DAYS',
      'LEDGER_ANCHOR_ACCESS_KEY_ID',
      'LEDGER_ANCHOR_SECRET_ACCESS_KEY',
    ] as const
    for (const name of names) {
      await expect(attempt({ ...whole, [name]: undefined })).rejects.toMatchObject({
        code: 'audit-ledger.anchor-bucket-unusable',
        message: expect.stringContaining(name),
      })
    }
    expect(bucket.requests).toEqual([])
    await attempt(whole)
    expect(bucket.keys()).toEqual(['main/log.vkey'])
  })

  test.each<
    [what: string, options: { isLockEnabled?: boolean; fault?: BucketFault }, said: RegExp]
  >([
    ['has no Object Lock', { isLockEnabled: false }, /has no Object Lock: enable it/],
    ['has Object Lock in name only', { fault: 'enables-no-lock' }, /has no Object Lock: enable/],
    ['refuses it', { fault: 'denies' }, /needs the rights s3:GetBucketObjectLockConfiguration/],
    ['does not lock', { fault: 'forgets-locks' }, /does not keep a copy under Object Lock/],
    ['locks for a shorter time', { fault: 'shortens-locks' }, /does not keep a copy under/],
  ])('with a bucket that %s', async (_, { isLockEnabled = true, fault }, said) => {
    const bucket = await givenBucket({ isLockEnabled })
    bucket.suffer(fault)

    await expect(attempt(settingsFor(bucket))).rejects.toMatchObject({
      code: 'audit-ledger.anchor-bucket-unusable',
      message: expect.stringMatching(said),
    })
  })

  test('with a bucket or credentials that are not there', async () => {
    const bucket = await givenBucket()
    const whole = settingsFor(bucket)
    const code = 'audit-ledger.anchor-bucket-unusable'

    await expect(attempt({ ...whole, LEDGER_ANCHOR_BUCKET: 'other' })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/does not exist/),
    })
    await expect(
      attempt({ ...whole, LEDGER_ANCHOR_SECRET_ACCESS_KEY: 'wrong' }),
    ).rejects.toMatchObject({ code, message: expect.stringMatching(/secret key/) })
    await expect(attempt({ ...whole, LEDGER_ANCHOR_ACCESS_KEY_ID: 'wrong' })).rejects.toMatchObject(
      { code, message: expect.stringMatching(/access key/) },
    )
  })
})

test('a bucket that is away at the start keeps no ledger from starting, and is verified before anything is put', async () => {
  const bucket = await givenBucket({ isLockEnabled: false })
  bucket.suffer('breaks')

  const places = await openPlaces({ ...first.config, ...settingsFor(bucket) }, await keyOf(first))

  expect(places.map(({ name }) => name)).toEqual(['folder', 'bucket'])
  bucket.suffer(undefined)
  const place = places[1]
  await expect(place?.open(new AbortController().signal)).rejects.toThrow(/no Object Lock/)
  expect(bucket.keys()).toEqual([])
  places.forEach((each) => {
    each.close()
  })
})

test('a ledger that is killed while it copies leaves no torn copy, and its successor copies the rest', async () => {
  const log = await givenProcess()
  const { suite } = log
  const folder = `${suite.ledgerKeyFile}.checkpoint.anchors`
  mkdirSync(folder, { recursive: true })
  const bridge = await suite.bus('bridge')
  const copies = () => filesOf(folder).filter((file) => file.endsWith('.note'))
  const anchorsMade = async () => {
    const { rows } = await log.admin.query<{ note: string }>(
      'select note from audit_chain_anchors order by anchor',
    )
    return rows.map(({ note }) => note)
  }
  try {
    for (let nth = 0; nth < 80; nth += 1) {
      await publishIntents(
        bridge,
        Array.from({ length: 64 }, () => anIntent({ id: uuidv7() })),
      )
    }
    await eventually(() => Promise.resolve(copies().length > 0), { what: 'a copy' })
    await suite.kill('audit-ledger')
    const whole = new Set(await anchorsMade())
    for (const file of copies()) {
      expect(whole).toContain(readFileSync(`${folder}/${file}`, 'utf8'))
    }

    await log.expireLease()
    await suite.restart('audit-ledger')

    await eventually(async () => (await anchorsMade()).length === 20, {
      what: 'all anchors',
    })
    await eventually(() => Promise.resolve(copies().length === 20), { what: 'all copies' })
    const notes = await anchorsMade()
    const read = notes.map((_, nth) => readFileSync(pathOf(folder, nth + 1), 'utf8'))
    expect(read).toEqual(notes)
  } finally {
    await log.stop()
  }
}, 60_000)
