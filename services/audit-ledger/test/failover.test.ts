import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { jetstream } from '@nats-io/jetstream'
import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { getCheckpoint, getReceipt } from '@mumega/contracts/audit-ledger'
import { healthOf } from '@mumega/contracts/health'
import { eventually } from '@mumega/testkit'
import { leafHash, rootOf } from '@mumega/tlog/merkle'
import { framesOf } from '../src/signing/frames.ts'
import { anIntent, OPERATOR } from './given.ts'
import { givenProcess, untilCommitWaits, type Log } from './given-process.ts'

let log: Log
let bridge: Bus
let lines: string[]

beforeEach(async () => {
  lines = []
  log = await givenProcess({ onLine: (line) => lines.push(line) })
  bridge = await log.suite.bus('bridge')
})
afterEach(() => log.stop())

const CHAINS = ['acme', 'zenith']

function publish(intents: readonly AuditIntent[]): Promise<unknown> {
  return Promise.all(
    intents.map((intent) =>
      jetstream(bridge.connection).publish(
        'aud.bridge.v1.append',
        JSON.stringify({ intents: [intent] }),
        { msgID: intent.id },
      ),
    ),
  )
}

const givenIntents = (count: number) =>
  Array.from({ length: count }, (_, nth) => anIntent({ chain: CHAINS[nth % 2] ?? '' }))

async function untilSealedCount(count: number): Promise<void> {
  await eventually(async () => (await log.sealed()).length >= count, {
    what: `${count} sealed entries`,
    timeoutMs: 60_000,
  })
}

/** Each intent once, each chain gapless, and the newest checkpoint over exactly these entries. */
async function expectWhole(intents: readonly AuditIntent[]): Promise<void> {
  await untilSealedCount(intents.length)
  await eventually(async () => (await log.unacknowledged()) === 0, {
    what: 'everything to be acknowledged',
    timeoutMs: 60_000,
  })
  const keys = await log.sealed()
  expect(keys.map(({ id }) => id).sort()).toEqual(intents.map(({ id }) => id).sort())
  for (const chain of CHAINS) {
    const seqs = keys.filter((key) => key.chain === chain).map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.map((_, nth) => nth + 1))
  }
  const last = { source: 'bridge', id: keys.at(-1)?.id ?? '', waitMs: 3_000, disclose: false }
  const receipt = await eventually(
    () => bridge.request(getReceipt, last, { context: OPERATOR }).catch(() => false as const),
    { what: 'a receipt of the last entry' },
  )
  expect(receipt).toMatchObject({ anchored: true })
  const { rows } = await log.admin.query<{ entries: Buffer }>(
    'select entries from event_batches order by first_index',
  )
  const leaves = rows.flatMap(({ entries }) => framesOf(entries)).map(leafHash)
  const signed = await log.admin.query<{ size: string; root: Buffer }>(
    'select size, root from checkpoints order by size desc limit 1',
  )
  expect(signed.rows[0]).toEqual({ size: String(leaves.length), root: rootOf(leaves) })
}

async function epochNow(): Promise<number> {
  const { rows } = await log.admin.query<{ epoch: string }>('select epoch from log_head')
  return Number(rows[0]?.epoch)
}

async function untilEpoch(epoch: number): Promise<void> {
  await eventually(async () => (await epochNow()) === epoch, {
    what: `epoch ${epoch}`,
  })
}

test('a leader that is killed while it seals is followed by the other, again and again, and nothing is lost or doubled', async () => {
  const intents = givenIntents(1_200)
  let [leader, standby] = [
    { kill: () => log.suite.kill('audit-ledger') },
    await log.suite.another('audit-ledger'),
  ]
  const first = await epochNow()
  for (let round = 0; round < 3; round += 1) {
    const published = publish(intents.slice(400 * round, 400 * (round + 1)))
    await untilSealedCount(400 * round + 20)

    await leader.kill()

    await published
    await untilEpoch(first + round + 1)
    leader = standby
    standby = await log.suite.another('audit-ledger')
  }

  await expectWhole(intents)
}, 180_000)

test('a leader that stood still past its lease, in the middle of a commit, commits nothing more and steps down', async () => {
  const intents = givenIntents(300)
  const standby = await log.suite.another('audit-ledger')
  const first = await epochNow()
  await publish(intents.slice(0, 100))
  await untilSealedCount(100)
  await log.admin.query('begin; select from log_head for update')
  await publish(intents.slice(100, 200))
  await untilCommitWaits(log)
  process.kill(log.suite.pid('audit-ledger'), 'SIGSTOP')
  // Its commit waits at the server still, and would succeed: it is taken back with its connection.
  await log.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database()`,
  )
  await log.admin.query('rollback')
  await untilEpoch(first + 1)
  await publish(intents.slice(200))
  await untilSealedCount(200)
  const health = () => bridge.request(healthOf('audit-ledger'), {}, { context: OPERATOR })
  await eventually(
    async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, health))
      return answers.every(({ figures }) => figures['epoch'] === first + 1)
    },
    { what: 'every question to reach the new leader' },
  )

  process.kill(log.suite.pid('audit-ledger'), 'SIGCONT')

  await eventually(() => Promise.resolve(lines.some((line) => /leadership-lost/.test(line))), {
    what: 'the former leader to step down',
  })
  await expectWhole(intents)
  await standby.kill()
  await untilEpoch(first + 2)
  const more = givenIntents(10)
  await publish(more)
  await expectWhole([...intents, ...more])
}, 180_000)

test('what was asked of a leader that stood still past its lease it does not answer from memory', async () => {
  const sizeOf = ({ note }: { note?: string }) => Number(note?.split('\n')[1])
  const ask = (timeoutMs: number) =>
    bridge.request(getCheckpoint, {}, { context: OPERATOR, timeoutMs }).then(sizeOf)
  const untilSigned = (size: number) =>
    eventually(async () => (await ask(1_000).catch(() => 0)) >= size, {
      what: `a checkpoint over ${size}`,
    })
  const standby = await log.suite.another('audit-ledger')
  const first = await epochNow()
  await publish(givenIntents(100))
  await untilSigned(100)
  process.kill(log.suite.pid('audit-ledger'), 'SIGSTOP')
  // Nobody else hears them.
  const asked = Array.from({ length: 20 }, () => ask(10_000))
  const answers = Promise.allSettled(asked)
  await bridge.connection.flush()
  await untilEpoch(first + 1)
  await publish(givenIntents(100))
  await untilSigned(200)

  process.kill(log.suite.pid('audit-ledger'), 'SIGCONT')

  expect((await answers).map((each) => each.status === 'fulfilled' && each.value)).toEqual(
    asked.map(() => false),
  )
  await standby.kill()
}, 180_000)
