import { afterEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { findingCleared, findingRecorded } from '@mumega/contracts/audit-findings'
import { append } from '@mumega/contracts/audit-ledger'
import type { DependencyHealth } from '@mumega/contracts/health'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'
import {
  findingsOf,
  flip,
  FLIPPED,
  givenSignedBatches,
  untilFound,
  untilSignedUpTo,
} from './given-scrubber.ts'

let ledger: TestLedger

afterEach(() => ledger.stop())

/** A running ledger with signed entries, whose scrubber starts a pass as soon as one has ended. */
async function givenScrubbed(batches = 2): Promise<Bus> {
  ledger = await givenLedger({
    settings: { LEDGER_SCRUB_DELAY_MS: 0, LEDGER_SCRUB_PASS_MS_MIN: 0 },
  })
  await givenSignedBatches(ledger, batches)
  return ledger.bus('bridge')
}

async function dependency(bus: Bus, name: string): Promise<DependencyHealth | undefined> {
  const { dependencies } = await healthOfLedger(bus)
  return dependencies.find((found) => found.name === name)
}

/** Waits for passes that began after now; returns the health then. */
async function untilPasses(bus: Bus, passes: number) {
  const before = (await healthOfLedger(bus)).figures['scrubPasses'] ?? 0
  return eventually(
    async () => {
      const health = await healthOfLedger(bus)
      return (health.figures['scrubPasses'] ?? 0) > before + passes && health
    },
    { what: `${passes} passes` },
  )
}

test('LOCK-MON-7: an old entry that is altered stops sealing and signing, is announced, and says where', async () => {
  const bridge = await givenScrubbed()
  const heard: string[] = []
  const admin = await ledger.adminBus()
  admin.hear(findingRecorded, ({ kind, place }) => {
    heard.push(`${kind} at ${place}`)
  })

  await flip(ledger, 'event_batches', FLIPPED.entry)

  const findings = await untilFound(bridge)
  expect(findings).toEqual([
    {
      findingId: expect.any(String),
      kind: 'entry-altered',
      place: 'entry 0',
      expected: expect.stringMatching(/^[0-9a-f]{64}$/),
      found: expect.stringMatching(/^[0-9a-f]{64}$/),
      halts: true,
      occurredAt: expect.any(String),
    },
  ])
  expect(await dependency(bridge, 'sealing')).toMatchObject({
    status: 'failing',
    reason: expect.stringMatching(/^not-sealing: entry-altered at entry 0: [0-9a-f]{64} was exp/),
  })
  expect(await dependency(bridge, 'integrity')).toMatchObject({
    status: 'failing',
    reason: '1 open findings, among them entry-altered at entry 0',
  })
  const context = { tenantId: 'acme', actor: { id: 'service:bridge', kind: 'service' } } as const
  const refused = bridge.request(append, { source: 'bridge', intent: anIntent() }, { context })
  await expect(refused).rejects.toMatchObject({ code: 'audit-ledger.not-sealing' })
  await eventually(() => Promise.resolve(heard.length > 0), { what: 'the announcement' })
  expect(heard).toEqual(['entry-altered at entry 0'])
})

test('an altered salt is on record and in the log, and the ledger goes on', async () => {
  const bridge = await givenScrubbed()

  await flip(ledger, 'payload_batches', FLIPPED.salt)

  const [finding] = await untilFound(bridge)
  expect(finding).toMatchObject({ kind: 'salt-altered', place: 'entry 0', halts: false })
  const keys = await untilSealed(ledger, 129)
  expect(keys[128]).toMatchObject({ source: 'audit-ledger', chain: 'substrate' })
  await publishIntents(bridge, [anIntent()])
  await untilSignedUpTo(ledger, 130)
  const { status, figures } = await healthOfLedger(bridge)
  expect({ status, ...figures }).toMatchObject({ status: 'ok', findings: 1, findingsHalting: 0 })
})

test('a finding survives a restart, still stops the ledger, and is not recorded again', async () => {
  const bridge = await givenScrubbed()
  await flip(ledger, 'event_batches', FLIPPED.entry)
  const before = await untilFound(bridge)

  await ledger.rest()
  await ledger.run()

  expect(await dependency(bridge, 'sealing')).toMatchObject({
    status: 'failing',
    reason: expect.stringContaining('entry-altered at entry 0'),
  })
  await untilPasses(bridge, 2)
  expect(await findingsOf(bridge)).toEqual(before)
  expect(await ledger.sql('select from checkpoints where size > 128')).toEqual([])
})

test('what was repaired is cleared by a whole pass, and after the next start the ledger goes on', async () => {
  const bridge = await givenScrubbed()
  await flip(ledger, 'event_batches', FLIPPED.entry)
  const [finding] = await untilFound(bridge)
  const cleared: string[] = []
  const admin = await ledger.adminBus()
  admin.hear(findingCleared, ({ findingId }) => {
    cleared.push(findingId)
  })
  await ledger.rest()
  await flip(ledger, 'event_batches', FLIPPED.entry)
  await ledger.run()

  await eventually(
    async () => {
      const [found] = await findingsOf(bridge)
      return found?.clearedAt !== undefined
    },
    { what: 'the finding to be cleared' },
  )

  expect(await dependency(bridge, 'sealing')).toMatchObject({ status: 'failing' })
  await ledger.rest()
  await ledger.run()
  await publishIntents(bridge, [anIntent()])
  await untilSignedUpTo(ledger, 129)
  await eventually(() => Promise.resolve(cleared.length > 0), { what: 'the announcement' })
  expect(cleared).toEqual([finding?.findingId])
})

test('a finding that cannot be put on record is kept, said in health, and recorded later', async () => {
  const bridge = await givenScrubbed()
  await ledger.sql('revoke insert on audit_findings from mumega_audit_ledger')
  await flip(ledger, 'payload_batches', FLIPPED.salt)
  await eventually(async () => (await dependency(bridge, 'scrubbing'))?.status === 'failing', {
    what: 'the failure in health',
  })
  expect(await findingsOf(bridge)).toEqual([])

  await ledger.sql('grant insert on audit_findings to mumega_audit_ledger')

  expect(await untilFound(bridge)).toMatchObject([{ kind: 'salt-altered' }])
})

test('a log that is written at full speed while it is scrubbed gives no finding', async () => {
  const bridge = await givenScrubbed(1)
  const figure = async (name: string) => (await healthOfLedger(bridge)).figures[name] ?? 0
  const started = await figure('scrubPasses')
  const chains = ['acme', 'beta', 'gamma', 'delta', 'epsilon']
  let packs = 0
  const isEnough = async () => (await figure('scrubPasses')) >= started + (packs < 200 ? 3 : 1)
  while (!(await isEnough())) {
    await Promise.all(
      Array.from({ length: 10 }, (_, pack) =>
        publishIntents(
          bridge,
          Array.from({ length: 64 }, (__, nth) =>
            anIntent({ chain: chains[(pack + nth) % 5] ?? '' }),
          ),
        ),
      ),
    )
    packs += 10
    // Whatever is published is being sealed while it is scrubbed; what waits is never much.
    await eventually(async () => (await figure('size')) > 64 * (packs - 30), { what: 'sealing' })
  }
  const size = 64 * (1 + packs)

  await untilSignedUpTo(ledger, size)

  const { status, figures } = await untilPasses(bridge, 1)
  expect({ status, ...figures }).toMatchObject({
    ...{ status: 'ok', findings: 0, scrubFailures: 0, scrubThreadsLost: 0 },
    ...{ scrubSize: size, scrubLastPassEntries: size },
  })
  expect(figures['scrubEntriesPerSecond']).toBeGreaterThan(0)
  expect(await ledger.sql('select from audit_findings')).toEqual([])
}, 60_000)

test('a ledger that is started again goes on scrubbing where it was', async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 10)
  await ledger.rest()
  // Its first step reads half of the log, and then it rests.
  ledger.config.LEDGER_SCRUB_ENTRIES_PER_SECOND = 100
  ledger.config.LEDGER_SCRUB_DELAY_MS = 0
  await ledger.run()
  const kept = await eventually(
    async () => {
      const [row] = await ledger.sql<{ size: string }>(
        'select checkpoint_size as size from scrub_progress',
      )
      return Number(row?.size) || undefined
    },
    { what: 'a place on record' },
  )
  await ledger.rest()

  await ledger.run()

  const bridge = await ledger.bus('bridge')
  const first = await eventually(
    async () => {
      const { scrubPosition = 0 } = (await healthOfLedger(bridge)).figures
      return scrubPosition || undefined
    },
    { what: 'a first step' },
  )
  expect(first).toBeGreaterThan(kept)
}, 60_000)

test('a database that is away is no finding, and is scrubbed again when it is back', async () => {
  const bridge = await givenScrubbed()
  const [database] = await ledger.sql<{ name: string }>('select current_database() as name')
  await ledger.sql(`alter database ${database?.name} connection limit 0`)
  await ledger.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where usename = 'mumega_audit_ledger' and datname = current_database()`,
  )
  await eventually(async () => (await dependency(bridge, 'scrubbing'))?.status === 'failing', {
    what: 'the failure in health',
  })

  await ledger.sql(`alter database ${database?.name} connection limit -1`)

  const { figures } = await untilPasses(bridge, 2)
  expect(figures['findings']).toBe(0)
  // The others try again each at its own time.
  await eventually(async () => (await healthOfLedger(bridge)).status === 'ok', { what: 'health' })
  expect(await ledger.sql('select from audit_findings')).toEqual([])
}, 60_000)
