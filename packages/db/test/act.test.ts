import { randomUUID } from 'node:crypto'
import { afterAll, expect, test } from '@jest/globals'
import { act, type AuditRecord, outgoing, readAs, unchanged } from '@mumega/db/act'
import { defineEvent } from '@mumega/contracts/define'
import { Type } from 'typebox'
import { v7 as uuidv7 } from 'uuid'
import { asAcme, givenSample } from './given.ts'

const sample = await givenSample()
const { db } = sample
afterAll(sample.drop)

const walletOpened = defineEvent({
  subject: 'evt.sample.v1.wallet-opened',
  payload: Type.Object({ walletId: Type.String() }),
})

function opened(walletId: string): AuditRecord {
  return { action: 'wallet.opened', target: `wallet:${walletId}`, payload: { walletId } }
}

async function openWallet(walletId: string, request?: ReturnType<typeof requestOf>) {
  return act(db, asAcme(request), async (trx) => {
    await trx('wallets').insert({ wallet_id: walletId, tenant_id: 'acme', cents: 100 })
    return {
      reply: { walletId },
      audit: [opened(walletId)],
      events: [outgoing(walletOpened, { walletId })],
    }
  })
}

function requestOf(requestId: string, content: unknown) {
  return { requestId, command: 'open-wallet', content }
}

async function outboxOf(walletId: string) {
  return db('outbox').where('payload', 'like', `%${walletId}%`).orderBy('position')
}

async function walletsOf(walletId: string) {
  return readAs(db, asAcme().context, (trx) => trx('wallets').where({ wallet_id: walletId }))
}

test('a change, its audit intent and its event are committed together', async () => {
  const walletId = randomUUID()

  await openWallet(walletId)

  expect(await walletsOf(walletId)).toHaveLength(1)
  expect((await outboxOf(walletId)).map((row: { audit: boolean }) => row.audit)).toEqual([
    true,
    false,
  ])
})

test('a change that fails after its write leaves no row, no intent and no event', async () => {
  const walletId = randomUUID()

  const failing = act(db, asAcme(), async (trx) => {
    await trx('wallets').insert({ wallet_id: walletId, tenant_id: 'acme', cents: 1 })
    await trx.raw('select 1 / 0')
    return { reply: null, audit: [opened(walletId)], events: [] }
  })

  await expect(failing).rejects.toThrow('division by zero')
  expect(await walletsOf(walletId)).toEqual([])
  expect(await outboxOf(walletId)).toEqual([])
})

test('the database refuses a change of an audited table without an audit intent', async () => {
  const walletId = randomUUID()

  const silent = act(db, asAcme(), async (trx) => {
    await trx('wallets').insert({ wallet_id: walletId, tenant_id: 'acme', cents: 1 })
    return unchanged(null)
  })

  await expect(silent).rejects.toMatchObject({ code: 'MU002' })
  expect(await walletsOf(walletId)).toEqual([])
})

test('the database refuses an audit intent in whose transaction nothing changed', async () => {
  const walletId = randomUUID()

  const orphan = act(db, asAcme(), async (trx) => {
    // The write that an act speaks of may find no row, as in a race that was lost.
    await trx('wallets').where({ wallet_id: walletId }).update({ cents: 1 })
    return { reply: null, audit: [opened(walletId)], events: [] }
  })

  await expect(orphan).rejects.toMatchObject({ code: 'MU001' })
  expect(await outboxOf(walletId)).toEqual([])
})

test('a change that was rolled back to a savepoint does not count as one', async () => {
  const walletId = randomUUID()

  const orphan = act(db, asAcme(), async (trx) => {
    await trx
      .transaction(async (inner) => {
        await inner('wallets').insert({ wallet_id: walletId, tenant_id: 'acme', cents: 1 })
        throw new Error('given up')
      })
      .catch(() => undefined)
    return { reply: null, audit: [opened(walletId)], events: [] }
  })

  await expect(orphan).rejects.toMatchObject({ code: 'MU001' })
})

test('the same request made twice, or eight times at once, is one act with one reply', async () => {
  const request = requestOf(randomUUID(), { a: 1, b: 2 })
  const ids = Array.from({ length: 8 }, () => randomUUID())

  const replies = await Promise.all(ids.map((id) => openWallet(id, request)))
  const again = await openWallet(randomUUID(), requestOf(request.requestId, { b: 2, a: 1 }))

  const [first] = replies
  expect(new Set([...replies, again].map((reply) => reply.walletId)).size).toBe(1)
  const written = await Promise.all(ids.map(walletsOf))
  expect(written.flat()).toHaveLength(1)
  expect(await outboxOf(first?.walletId ?? '')).toHaveLength(2)
})

test.each([
  { what: 'other content', command: 'open-wallet', tenantId: 'acme', content: { a: 2 } },
  { what: 'another command', command: 'close-wallet', tenantId: 'acme', content: { a: 1 } },
  { what: 'another tenant', command: 'open-wallet', tenantId: 'other', content: { a: 1 } },
])('a request id used again with $what is refused and changes nothing', async (again) => {
  const { command, tenantId, content } = again
  const requestId = randomUUID()
  await openWallet(randomUUID(), requestOf(requestId, { a: 1 }))
  const options = asAcme({ requestId, command, content })
  const context = { ...options.context, tenantId }
  const walletId = randomUUID()

  const second = act(db, { ...options, context }, async (trx) => {
    await trx('wallets').insert({ wallet_id: walletId, tenant_id: tenantId, cents: 1 })
    return { reply: null, audit: [opened(walletId)], events: [] }
  })

  await expect(second).rejects.toMatchObject({ code: 'db.request-id-reused', status: 422 })
  expect([await walletsOf(walletId), await outboxOf(walletId)]).toEqual([[], []])
})

test('a request made again gets its first reply, also where it would be refused by now', async () => {
  const request = requestOf(randomUUID(), {})
  const first = await openWallet(randomUUID(), request)

  const again = act(db, asAcme(request), () => Promise.reject(new Error('too late')))

  expect(await again).toEqual(first)
})

test('what cannot be put on record is not done', async () => {
  const [walletId, other] = [randomUUID(), randomUUID()]
  const request = requestOf(randomUUID(), {})
  const id = uuidv7()
  const openAs = (wallet: string) =>
    act(db, asAcme(request), async (trx) => {
      await trx('wallets').insert({ wallet_id: wallet, tenant_id: 'acme', cents: 1 })
      return { reply: { wallet }, audit: [{ ...opened(wallet), id }], events: [] }
    })
  await db('outbox').insert({
    ...{ audit: false, subject: 'evt.sample.v1.other', message_id: id },
    ...{ payload: '{}', headers: '{}' },
  })

  await expect(openAs(walletId)).rejects.toMatchObject({ code: '23505' })

  expect(await walletsOf(walletId)).toEqual([])
  await db('outbox').where({ message_id: id }).delete()
  expect(await openAs(other)).toEqual({ wallet: other })
})

test('a request whose first attempt failed can be made again', async () => {
  const request = requestOf(randomUUID(), {})
  const failing = act(db, asAcme(request), () => Promise.reject(new Error('given up')))
  await expect(failing).rejects.toThrow('given up')
  const walletId = randomUUID()

  const reply = await openWallet(walletId, request)

  expect(reply).toEqual({ walletId })
})

test('an act sees and changes rows of its own tenant only', async () => {
  const walletId = randomUUID()
  await openWallet(walletId)
  const other = { tenantId: 'other', actor: { id: 'agent:kasra', kind: 'agent' as const } }

  const seen = await readAs(db, other, (trx) => trx('wallets').where({ wallet_id: walletId }))
  const changed = await act(db, { ...asAcme(), context: other }, async (trx) =>
    unchanged(await trx('wallets').where({ wallet_id: walletId }).update({ cents: 0 })),
  )

  expect(seen).toEqual([])
  expect(changed).toBe(0)
})

test('a query without a tenant sees no row', async () => {
  await openWallet(randomUUID())

  expect(await db('wallets')).toEqual([])
})

test('an audit payload over 64 KiB is refused by name and nothing is written', async () => {
  const walletId = randomUUID()

  const large = act(db, asAcme(), async (trx) => {
    await trx('wallets').insert({ wallet_id: walletId, tenant_id: 'acme', cents: 1 })
    const audit = { ...opened(walletId), payload: { text: 'x'.repeat(65_536) } }
    return { reply: null, audit: [audit], events: [] }
  })

  await expect(large).rejects.toMatchObject({ code: 'db.audit-payload-too-large', status: 413 })
  expect(await walletsOf(walletId)).toEqual([])
})

test('a database that cannot be reached is unavailable, within the bound of the pool', async () => {
  const { openDatabase } = await import('@mumega/db')
  const away = openDatabase('postgres://nobody@127.0.0.1:1/none')

  const acting = act(away, asAcme(), () => Promise.resolve(unchanged(null)))

  await expect(acting).rejects.toMatchObject({ code: 'db.unavailable', status: 503 })
  await away.destroy()
})

test('an act that waits for a row which somebody holds for too long is unavailable, and leaves nothing', async () => {
  const walletId = randomUUID()
  await openWallet(walletId)
  const holder = await db.transaction()
  await holder.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
  await holder('wallets').where({ wallet_id: walletId }).forUpdate()

  const waiting = act(db, asAcme(), async (trx) => {
    await trx('wallets').where({ wallet_id: walletId }).update({ cents: 0 })
    return { reply: null, audit: [opened(walletId)], events: [] }
  })

  await expect(waiting).rejects.toMatchObject({ code: 'db.unavailable' })
  await holder.rollback()
  expect(await outboxOf(walletId)).toHaveLength(2)
})

test.each([
  ['breaks its contract', { walletId: 7 }],
  ['is too large to be published', { walletId: 'x'.repeat(524_288) }],
])('an event that %s is refused with its change', async (_, payload) => {
  const walletId = randomUUID()

  const acting = act(db, asAcme(), async (trx) => {
    await trx('wallets').insert({ wallet_id: walletId, tenant_id: 'acme', cents: 1 })
    const event = { contract: walletOpened, payload, headers: {} }
    return { reply: null, audit: [opened(walletId)], events: [event] }
  })

  await expect(acting).rejects.toThrow('does not fit its contract')
  expect(await walletsOf(walletId)).toEqual([])
})

test('an act that kept a failure to itself is not done, and does not pass for it', async () => {
  const swallowed = act(db, asAcme(), async (trx) => {
    await trx.raw('select 1 / 0').catch(() => undefined)
    return unchanged('done')
  })
  await expect(swallowed).rejects.toMatchObject({ code: '25P02' })
})

test('a statement that was cancelled is an outage: its caller may try again', async () => {
  const cancelled = act(db, asAcme(), async (trx) => {
    await trx.raw('set local statement_timeout = 1')
    await trx.raw('select pg_sleep(1)')
    return unchanged(null)
  })
  await expect(cancelled).rejects.toMatchObject({ code: 'db.unavailable' })
})
