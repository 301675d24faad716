import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Client } from 'pg'
import type { Bus } from '@mumega/bus'
import { listFindings } from '@mumega/contracts/audit-findings'
import { systemClock } from '@mumega/config/clock'
import { eventually } from '@mumega/testkit'
import { emptyFrontier } from '@mumega/tlog/merkle'
import { openConnection } from '../src/connection.ts'
import { start } from '../src/service.ts'
import { checkpointCopyAt } from '../src/signing/checkpoint-copy.ts'
import { readLogKey } from '../src/signing/log-key.ts'
import { openSigner } from '../src/signing/signer.ts'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  givenSealer,
  healthOfLedger,
  OPERATOR,
  publishIntents,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

// The lease of `givenLedger`, 60 s, never ends within a test: only what is shorter here can.
const LEASE_MS = 1_000

let ledger: TestLedger
let bridge: Bus

beforeEach(async () => {
  ledger = await givenLedger({ isRunning: false })
  bridge = await ledger.bus('bridge')
})
afterEach(() => ledger.stop())

const startShort = () => start({ ...ledger.config, LEDGER_LEASE_MS: LEASE_MS })

async function epochNow(): Promise<number> {
  const [head] = await ledger.sql<{ epoch: string }>('select epoch from log_head')
  return Number(head?.epoch)
}

async function epochOfHealth(): Promise<number> {
  return Number((await healthOfLedger(bridge)).figures['epoch'])
}

async function publishOne(): Promise<void> {
  const before = (await sealedKeys(ledger)).length
  await publishIntents(bridge, [anIntent()])
  await untilSealed(ledger, before + 1)
}

test('of two ledgers on one database one leads; the other takes over when it ends, under the next epoch', async () => {
  const first = await startShort()
  const second = await startShort()
  await publishOne()
  const [before, epoch] = [await healthOfLedger(bridge), await epochNow()]

  await first.stop()
  await publishOne()

  expect(before.figures['epoch']).toBe(epoch)
  expect(await epochOfHealth()).toBe(epoch + 1)
  expect((await sealedKeys(ledger)).map(({ seq }) => seq)).toEqual([1, 2])
  await second.stop()
  expect(await epochNow()).toBe(epoch + 1)
})

test('two ledgers that start at once do not both lead', async () => {
  const both = await Promise.all([startShort(), startShort()])

  const epoch = await epochNow()
  await publishOne()

  expect(epoch).toBe(2)
  expect(await epochOfHealth()).toBe(epoch)
  await Promise.all(both.map((each) => each.stop()))
})

test('a ledger that was stopped in order leaves the lease to the next at once', async () => {
  await ledger.run()
  await publishOne()
  await ledger.rest()

  // Its lease is a minute: waiting for its end would time the test out.
  await ledger.run()

  await publishOne()
})

test('a ledger that fails to start gives the lease back', async () => {
  await ledger.sql('revoke select on announcements from mumega_audit_ledger')
  await expect(ledger.run()).rejects.toMatchObject({ code: '42501' })

  await ledger.sql('grant select on announcements to mumega_audit_ledger')
  await ledger.run()

  await publishOne()
})

test('a leader that died is replaced when its lease has expired', async () => {
  await ledger.sql(
    `update log_head set leader = gen_random_uuid(),
            lease_expires_at = clock_timestamp() + interval '1 second'`,
  )

  await ledger.run()

  await publishOne()
})

test('a leader that died is replaced though the database’s clock was set back since', async () => {
  await ledger.sql(
    `update log_head set leader = gen_random_uuid(),
            lease_expires_at = clock_timestamp() + interval '1 day'`,
  )

  const running = await startShort()

  await publishOne()
  await running.stop()
})

test('what a leader that stands still holds in the database is ended by the next', async () => {
  const former = randomUUID()
  const url = new URL(ledger.config.DATABASE_URL)
  url.searchParams.set('application_name', `audit-ledger ${former}`)
  const frozen = new Client({ connectionString: url.href })
  const ended = new Promise((resolve) => frozen.once('end', resolve))
  frozen.on('error', () => undefined)
  await frozen.connect()
  await ledger.sql('update log_head set leader = $1', [former])

  await ledger.run()

  await ended
  await publishOne()
})

test('a standby with a shorter lease does not replace a leader that renews in time', async () => {
  const first = await start({ ...ledger.config, LEDGER_LEASE_MS: 12_000 })
  const epoch = await epochNow()

  // Ready when it has seen the leader renew, which happens later than its own lease is long.
  const standby = await startShort()

  expect(await epochNow()).toBe(epoch)
  await standby.stop()
  await first.stop()
})

test('LOCK-MON-3: a commit under a former epoch writes nothing', async () => {
  const former = await givenSealer(ledger)
  await ledger.sql('update log_head set epoch = epoch + 1')

  const outcome = await former.seal(anIntent())

  expect(outcome).toEqual({ kind: 'not-sealing', reason: 'another ledger leads' })
  expect(await sealedKeys(ledger)).toEqual([])
  await former.close()
})

test('LOCK-MON-3: a checkpoint under a former epoch is neither stored nor copied', async () => {
  const former = await givenSealer(ledger)
  await former.seal(anIntent())
  const connection = openConnection(ledger.config.DATABASE_URL)
  const copy = checkpointCopyAt(`${ledger.config.LEDGER_KEY_FILE}.former`)
  const key = await readLogKey(ledger.config.LEDGER_KEY_FILE, ledger.config.LEDGER_ORIGIN)
  const signer = openSigner({ connection, key, copy, clock: systemClock })
  await ledger.sql('update log_head set epoch = epoch + 1')

  const signing = signer.sign(former.sealer.committed() ?? emptyFrontier(), former.sealer.epoch)

  await expect(signing).rejects.toThrow(/another ledger leads/)
  expect(await ledger.sql('select from checkpoints')).toEqual([])
  expect(await copy.read()).toBeUndefined()
  await connection.close()
  await former.close()
})

test('a leader that cannot renew its lease steps down, and leads again when it can', async () => {
  const running = await startShort()
  await publishOne()
  const blocker = new Client({ connectionString: ledger.adminUrl })
  // Ended with the database when the test fails before its end.
  blocker.on('error', () => undefined)
  await blocker.connect()
  await blocker.query('begin; select from audit_ledger.log_head for update')
  await publishIntents(bridge, [anIntent()])
  await eventually(
    () =>
      healthOfLedger(bridge).then(
        () => false,
        () => true,
      ),
    { what: 'nobody to answer for the ledger' },
  )

  await blocker.query('rollback')
  await blocker.end()

  await untilSealed(ledger, 2)
  await eventually(async () => (await epochOfHealth()) === 3, { what: 'its next term' })
  expect((await sealedKeys(ledger)).map(({ seq }) => seq)).toEqual([1, 2])
  await running.stop()
})

test('the tail that a former leader left unsigned is signed by the next before anything is sealed', async () => {
  const former = await givenSealer(ledger)
  expect(await former.seal(anIntent())).toMatchObject({ kind: 'sealed' })
  await former.close()

  await ledger.run()

  const { note = '' } = await checkpointOf(bridge)
  expect(note.split('\n')[1]).toBe('1')
})

test('a ledger that is older than the schema does not start to lead, and says which of the two is', async () => {
  await ledger.sql(`insert into schema_migrations (name, hash) values ('9999_come_later.sql', 'x')`)

  await expect(ledger.run()).rejects.toMatchObject({
    code: 'audit-ledger.schema-differs',
    message: expect.stringContaining('Update this ledger'),
    details: { found: '9999_come_later.sql' },
  })

  expect(await epochNow()).toBe(1)
})

test('a standby that is older than the schema does not take over, until the two agree', async () => {
  const first = await startShort()
  const standby = await startShort()
  await publishOne()
  const epoch = await epochNow()
  await ledger.sql(`insert into schema_migrations (name, hash) values ('9999_come_later.sql', 'x')`)
  // What leads goes on: the schema is brought up to date before the programs are.
  await publishOne()

  await first.stop()
  await publishIntents(bridge, [anIntent()])
  await eventually(async () => (await ledger.sql('select from ledger_instances')).length === 1, {
    what: 'the standby to be alone',
  })
  expect(await epochNow()).toBe(epoch)

  await ledger.sql(`delete from schema_migrations where name = '9999_come_later.sql'`)
  await untilSealed(ledger, 3)
  expect(await epochNow()).toBe(epoch + 1)
  await standby.stop()
})

test('ha-pair-rollout-drift: two ledgers that differ are named with both values, until they agree again', async () => {
  // Renewed every three seconds, and the other one is ready when it has seen that.
  const leader = await start({ ...ledger.config, LEDGER_LEASE_MS: 12_000 })
  const before = await healthOfLedger(bridge)
  const other = await startShort()

  const drifted = await eventually(
    async () => {
      const { status, dependencies } = await healthOfLedger(bridge)
      return status === 'failing' && dependencies.find(({ name }) => name === 'ha-pair')
    },
    { what: 'the drift' },
  )
  const findings = async () =>
    (await bridge.request(listFindings, { limit: 10 }, { context: OPERATOR })).findings
  const [open] = await eventually(
    async () => {
      const found = await findings()
      return found.length > 0 && found
    },
    { what: 'the finding' },
  )
  await other.stop()

  expect(before.status).toBe('ok')
  expect(open).toMatchObject({
    kind: 'ha-pair-rollout-drift',
    place: expect.stringMatching(/^configuration hash of the instance /),
    expected: expect.stringMatching(/^\w{64}$/),
    found: expect.stringMatching(/^\w{64}$/),
    halts: false,
  })
  await eventually(async () => (await findings())[0]?.clearedAt !== undefined, {
    what: 'the finding to be cleared',
  })
  const hashes = /^ha-pair-rollout-drift: configuration hash (\w{64}) here, (\w{64}) at /
  const [, own, others] = hashes.exec(drifted.reason ?? '') ?? []
  expect(own).not.toBe(others)
  expect([typeof own, typeof others]).toEqual(['string', 'string'])
  await eventually(async () => (await healthOfLedger(bridge)).status === 'ok', {
    what: 'the drift to be over',
  })
  await leader.stop()
})
