import { expect, test } from '@jest/globals'
import { jetstream } from '@nats-io/jetstream'
import { eventually } from '@mumega/testkit'
import { getReceipt } from '@mumega/contracts/audit-ledger'
import { healthOf } from '@mumega/contracts/health'
import { anIntent, OPERATOR } from './given.ts'
import { givenProcess, untilCommitWaits } from './given-process.ts'

// The tests hold the head's row, and with it the lease, for longer than a busy machine needs.
const LEASE_MS = 30_000

test('a ledger that is killed between its commit and its acknowledgement seals nothing twice', async () => {
  const log = await givenProcess({ leaseMs: LEASE_MS })
  const { suite } = log
  const bridge = await suite.bus('bridge')
  const intents = Array.from({ length: 40 }, () => anIntent())
  // Held before its commit, then cut off from the bus, so that the commit succeeds and no
  // acknowledgement arrives.
  await log.admin.query('begin; select from log_head for update')
  await jetstream(bridge.connection).publish('aud.bridge.v1.append', JSON.stringify({ intents }))
  await untilCommitWaits(log)
  process.kill(suite.nats.pid, 'SIGSTOP')
  await log.admin.query('commit')
  const committed = await eventually(
    async () => {
      const keys = await log.sealed()
      return keys.length === 40 && keys
    },
    { what: 'the commit' },
  )
  await suite.kill('audit-ledger')
  await suite.nats.kill()

  await suite.nats.restart()
  await log.expireLease()
  await suite.restart('audit-ledger')

  const last = anIntent()
  await eventually(
    async () => {
      const bytes = JSON.stringify({ intents: [last] })
      await jetstream(bridge.connection).publish('aud.bridge.v1.append', bytes, { msgID: last.id })
      return (await log.sealed()).some(({ id }) => id === last.id)
    },
    { what: 'the ledger to go on' },
  )
  // The first message comes again only after the consumer's ack wait; its redelivery must leave no
  // trace.
  await eventually(async () => (await log.unacknowledged()) === 0, {
    what: 'the redelivery to be acknowledged',
  })
  const { figures } = await bridge.request(healthOf('audit-ledger'), {}, { context: OPERATOR })
  expect(figures['drops']).toBe(0)
  expect(figures['conflicts']).toBe(0)
  const keys = await log.sealed()
  expect(keys.slice(0, 40)).toEqual(committed)
  expect(keys).toHaveLength(41)
  const request = { source: 'bridge', id: intents[7]?.id ?? '', waitMs: 3_000, disclose: false }
  const receipt = await bridge.request(getReceipt, request, { context: OPERATOR })
  expect(receipt).toMatchObject({ anchored: true, entry: { index: 7, seq: 8 } })
  await log.stop()
}, 90_000)

test('a ledger that is killed again and again loses nothing, seals nothing twice and leaves no gap', async () => {
  const log = await givenProcess({ leaseMs: LEASE_MS })
  const { suite } = log
  const bridge = await suite.bus('bridge')
  const intents = Array.from({ length: 900 }, (_, nth) =>
    anIntent({ chain: nth % 2 === 0 ? 'acme' : 'zenith' }),
  )
  // Killed before its first commit, which the lock holds up, and then wherever it is.
  await log.admin.query('begin; select from log_head for update')
  for (let round = 0; round < 3; round += 1) {
    const some = intents.slice(300 * round, 300 * (round + 1))
    const published = some.map((intent) =>
      jetstream(bridge.connection).publish(
        'aud.bridge.v1.append',
        JSON.stringify({ intents: [intent] }),
        { msgID: intent.id },
      ),
    )
    if (round === 0) {
      await untilCommitWaits(log)
    } else {
      await eventually(async () => (await log.sealed()).length > 300 * (round - 1) + 20, {
        what: 'the ledger to be in the middle of it',
      })
    }
    await suite.kill('audit-ledger')
    await Promise.all(published)
    if (round === 0) await log.admin.query('rollback')
    await log.expireLease()
    await suite.restart('audit-ledger')
  }

  await eventually(async () => (await log.unacknowledged()) === 0, {
    what: 'everything to be acknowledged',
    timeoutMs: 60_000,
  })
  const keys = await log.sealed()

  expect(keys.map(({ id }) => id).sort()).toEqual(intents.map(({ id }) => id).sort())
  for (const chain of ['acme', 'zenith']) {
    const seqs = keys.filter((key) => key.chain === chain).map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: 450 }, (_, nth) => nth + 1))
  }
  const { figures } = await bridge.request(healthOf('audit-ledger'), {}, { context: OPERATOR })
  expect(figures).toMatchObject({ size: 900, drops: 0, conflicts: 0 })
  await log.stop()
}, 150_000)
