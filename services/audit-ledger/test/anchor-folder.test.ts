import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, skipUnless, type Capability } from '@mumega/testkit'
import { parseCheckpoint } from '@mumega/tlog/checkpoint'
import { openNote, parseVkey } from '@mumega/tlog/note'
import { givenLedger, healthOfLedger, type TestLedger } from './given.ts'
import {
  filesOf,
  folderOf,
  forkOf,
  givenCopier,
  givenFolder,
  growTo,
  keyOf,
  newFolder,
  notesOf,
  openFindings,
  pathOf,
  placeHealth,
  replaceCopy,
  untilTrouble,
} from './given-anchors.ts'

let ledger: TestLedger
let notes: string[]

beforeAll(async () => {
  ledger = await givenLedger()
  await growTo(ledger, 3)
  notes = await notesOf(ledger)
})
afterAll(() => ledger.stop())

function expectWhole(folder: string): void {
  expect(filesOf(folder).filter((file) => file !== 'log.vkey')).toEqual([
    '000000000/000000000001.note',
    '000000000/000000000002.note',
    '000000000/000000000003.note',
  ])
  expect([1, 2, 3].map((anchor) => readFileSync(pathOf(folder, anchor), 'utf8'))).toEqual(notes)
}

test('each anchor is copied outside the database as a note that a stranger can verify, in a file that is read-only', async () => {
  const bridge = await ledger.bus('bridge')
  const folder = folderOf(ledger)
  await eventually(async () => (await healthOfLedger(bridge)).figures['anchorFolderCopied'] === 3, {
    what: 'three copies',
  })

  expectWhole(folder)
  const verifier = parseVkey(readFileSync(join(folder, 'log.vkey'), 'utf8').trim())
  for (const anchor of [1, 2, 3]) {
    const path = pathOf(folder, anchor)
    expect(statSync(path).mode & 0o777).toBe(0o444)
    const { text } = openNote(readFileSync(path), [verifier])
    expect(parseCheckpoint(text).size).toBe(256 * anchor)
  }
  expect(await placeHealth(bridge, 'folder')).toMatchObject({ status: 'ok' })
  expect((await healthOfLedger(bridge)).figures['anchorFolderWaiting']).toBe(0)
})

test('two ledgers that copy to one folder at once make each copy once, and neither is troubled', async () => {
  const path = newFolder(ledger)
  const copiers = await Promise.all(
    Array.from({ length: 4 }, async () => givenCopier(ledger, await givenFolder(ledger, path))),
  )

  await Promise.all(copiers.map((copier) => copier.untilRound()))

  expectWhole(path)
  expect(copiers.map((copier) => copier.figures().failures)).toEqual([0, 0, 0, 0])
  expect(await openFindings(ledger)).toEqual([])
})

test('a draft that a killed ledger left is no copy, and is removed; one that is being written is left', async () => {
  const path = newFolder(ledger)
  mkdirSync(join(path, 'drafts'))
  const [old, young] = [join(path, 'drafts', 'old'), join(path, 'drafts', 'young')]
  writeFileSync(old, notes[0]?.slice(0, 20) ?? '')
  writeFileSync(young, 'half')
  utimesSync(old, new Date(0), new Date(0))

  const copier = await givenCopier(ledger, await givenFolder(ledger, path))
  await copier.untilRound()

  expect(filesOf(path).filter((file) => file.startsWith('drafts'))).toEqual(['drafts/young'])
  unlinkSync(young)
  expectWhole(path)
})

test('a copy that was torn or altered is found, does not stop the ledger, and is made again once it is moved away', async () => {
  const path = newFolder(ledger)
  const copier = await givenCopier(ledger, await givenFolder(ledger, path))
  await copier.untilCopied(3)
  const torn = Buffer.from(notes[1] ?? '').subarray(0, 40)
  replaceCopy(path, 2, torn)

  await copier.untilRound()

  expect(await openFindings(ledger)).toEqual(['anchor-copy-altered at anchor 2, folder'])
  expect(copier.halting).toEqual([])
  renameSync(pathOf(path, 2), join(path, 'evidence'))
  await copier.untilRound()
  await copier.untilRound()
  expect(await openFindings(ledger)).toEqual([])
  renameSync(join(path, 'evidence'), `${path}-evidence`)
  expectWhole(path)
})

test('a copy that was removed is reported, and made again', async () => {
  const path = newFolder(ledger)
  const copier = await givenCopier(ledger, await givenFolder(ledger, path))
  await copier.untilCopied(3)

  unlinkSync(pathOf(path, 1))
  await eventually(
    async () => {
      const found = await ledger.sql(
        `select from audit_findings where kind = 'anchor-copy-missing'
            and place = 'anchor 1, folder' and not halts`,
      )
      return found.length === 1
    },
    { what: 'the missing copy on record' },
  )

  await copier.untilRound()
  await copier.untilRound()
  expectWhole(path)
  expect(await openFindings(ledger)).toEqual([])
})

test('LOCK-MON-5: a copy with another root under the log’s own signature halts, names both roots, and stays as it is', async () => {
  const path = newFolder(ledger)
  const key = await keyOf(ledger)
  const first = await givenCopier(ledger, await givenFolder(ledger, path))
  await first.untilCopied(3)
  await first.stop()
  replaceCopy(path, 3, forkOf(key, 3))

  const copier = await givenCopier(ledger, await givenFolder(ledger, path))
  const trouble = await untilTrouble(copier)

  expect(trouble).toMatch(/anchor-forked at anchor 3, folder/)
  const [row] = await ledger.sql<{ root: Buffer }>(
    'select root from audit_chain_anchors where anchor = 3',
  )
  expect(copier.halting[0]).toMatchObject({
    kind: 'anchor-forked',
    expected: `root ${row?.root.toString('hex') ?? ''}, in the database`,
    found: `root ${'ab'.repeat(32)}, signed too, in the folder`,
  })
  expect(readFileSync(pathOf(path, 3))).toEqual(forkOf(key, 3))
  // What the operator does who found out that the database is right after all.
  replaceCopy(path, 3, Buffer.from(notes[2] ?? ''))
  await copier.untilCopied(3)
  await copier.untilRound()
  expect(await openFindings(ledger)).toEqual([])
  expect(copier.trouble()).toBeUndefined()
})

test('an anchor that the log’s key did not sign is not copied', async () => {
  const path = newFolder(ledger)
  const change = (note: string) =>
    ledger.sql(`alter table audit_chain_anchors disable trigger written_once;
      update audit_chain_anchors set note = '${note}' where anchor = 2;
      alter table audit_chain_anchors enable always trigger written_once`)
  await change('somebody else’s')
  try {
    const copier = await givenCopier(ledger, await givenFolder(ledger, path))

    await copier.untilCopied(1)
    expect(await untilTrouble(copier)).toMatch(/gets no anchor 2: what the database has is not/)
    expect(filesOf(path)).toEqual(['000000000/000000000001.note', 'log.vkey'])
  } finally {
    await change(notes[1] ?? '')
  }
})

test('a folder that goes away is told as that, not as copies that were removed, and copying goes on when it is back', async () => {
  const path = newFolder(ledger)
  const copier = await givenCopier(ledger, await givenFolder(ledger, path))
  await copier.untilCopied(3)
  renameSync(path, `${path}-away`)

  expect(await untilTrouble(copier)).toMatch(/is gone, or is another folder now/)
  // What a disk leaves that is not mounted.
  mkdirSync(path)
  await eventually(() => Promise.resolve(/is gone/.test(copier.trouble() ?? '')), {
    what: 'an empty folder in its place is told too',
  })

  rmdirSync(path)
  renameSync(`${path}-away`, path)
  await copier.untilRound()
  expect(copier.trouble()).toBeUndefined()
  expect(await openFindings(ledger)).toEqual([])
})

test('what cannot be written is said, and copied as soon as it can be', async () => {
  const path = newFolder(ledger)
  // A file where the copies' folder shall be.
  const blocked = join(path, '000000000')
  writeFileSync(blocked, '')

  const copier = await givenCopier(ledger, await givenFolder(ledger, path))

  expect(await untilTrouble(copier)).toMatch(/holds a file where a folder is needed/)
  expect(copier.figures()).toMatchObject({ copied: 0, waiting: 3 })
  unlinkSync(blocked)
  await copier.untilRound()
  expectWhole(path)
})

function mount(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' })
}

/** Whether this user may mount a file system. */
function mayMount(): Capability {
  const folder = mkdtempSync(join(tmpdir(), 'mumega-mount-'))
  try {
    mount(folder)
    execFileSync('umount', [folder])
    return { isPresent: true, reason: '' }
  } catch {
    return { isPresent: false, reason: 'this user may not mount a file system' }
  } finally {
    rmdirSync(folder)
  }
}

const testWithMounts = skipUnless(test, mayMount())

testWithMounts(
  'a full disk is said, leaves no torn copy, and is used again when it has room',
  async () => {
    const path = newFolder(ledger)
    mount(path)
    try {
      const place = await givenFolder(ledger, path)
      await place.open(new AbortController().signal)
      execFileSync('sh', ['-c', `cat /dev/zero > ${path}/filler 2> /dev/null || true`])
      const copier = await givenCopier(ledger, place)

      expect(await untilTrouble(copier)).toMatch(/has no room left/)
      expect(filesOf(path)).toEqual(['filler', 'log.vkey'])
      unlinkSync(join(path, 'filler'))
      await copier.untilRound()
      expectWhole(path)
      await copier.stop()
    } finally {
      execFileSync('umount', [path])
    }
  },
)
