import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Client } from 'pg'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import { isRefusal, prepareIntent } from '../src/sealing/intent.ts'
import type { SealOutcome } from '../src/sealing/seal-request.ts'
import { GROUP_ENTRIES_MAX } from '../src/sealing/seal-queue.ts'
import {
  anIntent,
  givenLedger,
  givenSealer,
  healthOfLedger,
  OF_THE_COMMIT,
  publishIntents,
  sealedKeys,
  untilCommitWaits,
  untilSealed,
  type TestLedger,
} from './given.ts'

// More than two commits hold, so that one is built while another is on its way.
const MESSAGES = 96
const INTENTS = 64

let ledger: TestLedger
let bridge: Bus
let blocker: Client

beforeEach(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
  blocker = new Client({ connectionString: ledger.adminUrl })
  await blocker.connect()
})
afterEach(async () => {
  await blocker.end()
  await ledger.stop()
})

/**
 * Holds up the first commit of many until the ledger has taken all that it holds; `inFront` may put
 * one in front of it.
 */
async function givenHeldCommit(inFront?: () => Promise<void>): Promise<string[]> {
  // The chain's head is at hand then: nothing has to be read before the next batch is built.
  const first = anIntent()
  await publishIntents(bridge, [first])
  await untilSealed(ledger, 1)
  await blocker.query('begin; select from audit_ledger.log_head for update')
  await inFront?.()
  const messages = Array.from({ length: MESSAGES }, () =>
    Array.from({ length: INTENTS }, () => anIntent()),
  )
  for (const intents of messages) await publishIntents(bridge, intents)
  await eventually(
    async () =>
      Number((await healthOfLedger(bridge)).figures['intakeIntents']) === MESSAGES * INTENTS,
    { what: 'all intents to be taken' },
  )
  return [first, ...messages.flat()].map(({ id }) => id)
}

async function expectAllOnceInOrder(ids: readonly string[]): Promise<void> {
  await untilSealed(ledger, ids.length)
  const keys = await sealedKeys(ledger)
  expect(keys.map(({ id }) => id)).toEqual(ids)
  expect(keys.map(({ seq }) => seq)).toEqual(ids.map((_, nth) => nth + 1))
  await eventually(
    async () => Number((await healthOfLedger(bridge)).figures['intakeIntents']) === 0,
    { what: 'all messages to be acknowledged' },
  )
}

test('a batch that was sent behind one that somebody else overtook is refused, and built anew', async () => {
  const before = await healthOfLedger(bridge)
  const { seal, close } = await givenSealer(ledger)
  const overtaker = anIntent({ chain: 'other' })
  let overtaken: Promise<SealOutcome> | undefined
  const ids = await givenHeldCommit(async () => {
    overtaken = seal(overtaker)
    await untilCommitWaits(ledger)
  })

  await blocker.query('rollback')

  expect(await overtaken).toMatchObject({ kind: 'sealed', entry: { index: 1 } })
  await close()
  await untilSealed(ledger, ids.length + 1)
  const keys = (await sealedKeys(ledger)).filter(({ chain }) => chain !== 'other')
  expect(keys.map(({ id }) => id)).toEqual(ids)
  expect(keys.map(({ seq }) => seq)).toEqual(ids.map((_, nth) => nth + 1))
  const after = await healthOfLedger(bridge)
  expect(Number(after.figures['collisions']) - Number(before.figures['collisions'])).toBe(1)
})

test('LOCK-MON-3: what a former leader has under way is not committed, and the next leader seals it once', async () => {
  const ids = await givenHeldCommit()

  await blocker.query('update audit_ledger.log_head set epoch = epoch + 1; commit')

  // Handed back to the stream, they come again in any order.
  const keys = await untilSealed(ledger, ids.length)
  expect(keys.map(({ id }) => id).sort()).toEqual([...ids].sort())
  expect(keys.map(({ seq }) => seq)).toEqual(ids.map((_, nth) => nth + 1))
})

test('a batch that was sent behind one whose connection broke is not sealed before that one', async () => {
  const ids = await givenHeldCommit()

  const ended = await ledger.sql<{ pid: number }>(
    `select pid, pg_terminate_backend(pid) from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database()
        and ${OF_THE_COMMIT}`,
  )
  await blocker.query('rollback')

  expect(ended).toHaveLength(1)
  await expectAllOnceInOrder(ids)
})

test('two batches on their way leave nothing behind when the ledger is stopped', async () => {
  const ids = await givenHeldCommit()

  const resting = ledger.rest()
  await blocker.query('rollback')
  await resting
  await ledger.run()

  await expectAllOnceInOrder(ids)
})

test('nothing is sent after sealing was halted, and what was sent before has its outcome', async () => {
  await ledger.rest()
  const { sealer, seal, close } = await givenSealer(ledger)
  const outcomes: SealOutcome[] = []
  const submit = (count: number) => {
    for (let nth = 0; nth < count; nth += 1) {
      void seal(anIntent()).then((outcome) => outcomes.push(outcome))
    }
  }
  submit(1)
  await untilSealed(ledger, 1)
  await blocker.query('begin; select from audit_ledger.log_head for update')
  submit(3 * GROUP_ENTRIES_MAX)
  await eventually(() => Promise.resolve(sealer.figures().waiting === GROUP_ENTRIES_MAX), {
    what: 'two batches on their way',
  })

  sealer.halt(new Error('the test says so'))
  await blocker.query('rollback')

  await eventually(() => Promise.resolve(outcomes.length === 1 + 3 * GROUP_ENTRIES_MAX), {
    what: 'every outcome',
  })
  const refused = outcomes.filter(({ kind }) => kind === 'not-sealing')
  expect(refused).toHaveLength(GROUP_ENTRIES_MAX)
  expect(await sealedKeys(ledger)).toHaveLength(1 + 2 * GROUP_ENTRIES_MAX)
  await close()
})

/** Two sealers over one log, beside no ledger; the first has the chain's head at hand. */
async function givenTwoSealers() {
  await ledger.rest()
  const first = await givenSealer(ledger)
  const second = await givenSealer(ledger)
  await first.seal(anIntent())
  await blocker.query('begin; select from audit_ledger.log_head for update')
  return { first, second }
}

test('LOCK-MON-3: a batch is not sealed behind another one than it was built on, though that has as many entries', async () => {
  const { first, second } = await givenTwoSealers()
  const overtaken = second.seal(anIntent({ chain: 'other' }))
  await untilCommitWaits(ledger)
  const outcomes = [first.seal(anIntent())]
  const isAllSent = () => Promise.resolve(first.sealer.figures().waiting === 0)
  await eventually(isAllSent, { what: 'the batch of as many entries to be sent' })
  for (let nth = 0; nth < GROUP_ENTRIES_MAX; nth += 1) outcomes.push(first.seal(anIntent()))
  await eventually(isAllSent, { what: 'the batch behind it to be sent' })

  await blocker.query('rollback')

  expect(await overtaken).toMatchObject({ kind: 'sealed', entry: { index: 1 } })
  expect((await Promise.all(outcomes)).every(({ kind }) => kind === 'sealed')).toBe(true)
  const keys = (await sealedKeys(ledger)).filter(({ chain }) => chain !== 'other')
  expect(keys.map(({ seq }) => seq)).toEqual(keys.map((_, nth) => nth + 1))
  expect(keys).toHaveLength(2 + GROUP_ENTRIES_MAX)
  expect(first.sealer.figures().collisions).toBe(1)
  await first.close()
  await second.close()
  await ledger.run()
})

test('what is looked for in the log while sealing is halted is not sealed after it', async () => {
  const { first, second } = await givenTwoSealers()
  await blocker.query(
    'rollback; begin; lock table audit_ledger.event_keys in access exclusive mode',
  )
  const intent = prepareIntent('bridge', anIntent())
  if (isRefusal(intent)) throw new Error(intent.kind)
  const outcome = new Promise<SealOutcome>((settle) => {
    first.sealer.submit({ intent, mayBeKnown: true, submittedMs: performance.now(), settle })
  })
  await eventually(
    async () =>
      (
        await ledger.sql(`select from pg_stat_activity where wait_event_type = 'Lock'
          and datname = current_database() and query like '%unnest($1::text[], $2::uuid[])%'`)
      ).length > 0,
    { what: 'the look into the log' },
  )

  first.sealer.halt(new Error('the test says so'))
  await blocker.query('rollback')

  expect(await outcome).toEqual({ kind: 'not-sealing', reason: 'the test says so' })
  expect(await sealedKeys(ledger)).toHaveLength(1)
  await first.close()
  await second.close()
})
