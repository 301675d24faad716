import { randomUUID } from 'node:crypto'
import { afterAll, expect, test } from '@jest/globals'
import { act } from '@mumega/db/act'
import { openOutbox } from '@mumega/db/outbox'
import { asAcme, givenSample } from './given.ts'

const sample = await givenSample()
const { db } = sample
afterAll(sample.drop)

async function openWallets(count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await act(db, asAcme(), async (trx) => {
    await trx('wallets').insert(ids.map((id) => ({ wallet_id: id, tenant_id: 'acme', cents: 1 })))
    const audit = ids.map((id) => ({
      action: 'wallet.opened',
      target: `wallet:${id}`,
      payload: {},
    }))
    return { reply: null, audit, events: [] }
  })
}

function numbersOf(messages: { payload: unknown }[]): number[] {
  return messages.map(({ payload }) => (payload as { number: number }).number)
}

test('intents are claimed in order, with numbers that have no hole, until they are confirmed', async () => {
  const outbox = openOutbox(db, 'sample')
  await openWallets(3)
  // A transaction that is rolled back uses up a position, but no number.
  await expect(act(db, asAcme(), () => Promise.reject(new Error('given up')))).rejects.toThrow(
    'given up',
  )
  await openWallets(2)

  const first = await outbox.claim(3)
  const again = await outbox.claim(10)
  await outbox.confirm(again.map(({ position }) => position))

  expect(numbersOf(first)).toEqual([1, 2, 3])
  expect(again.slice(0, 3)).toEqual(first)
  expect(numbersOf(again)).toEqual([1, 2, 3, 4, 5])
  expect(again.every(({ subject }) => subject === 'aud.sample.v1.append')).toBe(true)
  expect(await outbox.claim(10)).toEqual([])
  await outbox.close()
})

test('one instance holds the outbox; another takes over when it is gone', async () => {
  const [holder, standby] = [openOutbox(db, 'sample'), openOutbox(db, 'sample')]
  await holder.claim(1)
  await openWallets(1)

  const whileHeld = await standby.claim(10)
  await holder.close()
  const afterwards = await standby.claim(10)
  await standby.confirm(afterwards.map(({ position }) => position))
  await standby.close()

  expect(whileHeld).toEqual([])
  expect(afterwards).toHaveLength(1)
})

test('an outbox whose connection was cut claims the same rows again with the same numbers', async () => {
  const outbox = openOutbox(db, 'sample')
  await openWallets(2)
  const before = await outbox.claim(10)
  await db.raw(`select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and usename = current_user and datname = current_database()`)

  const cut = outbox.claim(10).catch(() => outbox.claim(10))
  const after = await cut
  await outbox.confirm(after.map(({ position }) => position))
  await outbox.close()

  expect(after).toEqual(before)
})

test('the relay is told of a commit', async () => {
  const outbox = openOutbox(db, 'sample')
  let told = 0
  outbox.onWritten(() => {
    told += 1
  })

  await openWallets(1)

  expect(told).toBe(1)
  expect(await outbox.countPending()).toBe(1)
  await outbox.close()
})
