import { fileURLToPath } from 'node:url'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { type OutboxSource, type Relay, startRelay } from '@mumega/bus/relay'
import { systemClock } from '@mumega/config/clock'
import type { AuditIntents } from '@mumega/contracts/audit'
import type { Knex } from '@mumega/db'
import { act, outgoing } from '@mumega/db/act'
import { migrate } from '@mumega/db/migrate'
import { openOutbox } from '@mumega/db/outbox'
import { eventually, startTestDatabase, type TestDatabase } from '@mumega/testkit'
import { TEST_PASSWORD } from '@mumega/testkit/database'
import { CONTEXT, givenNats, happened, type Ground } from './given.ts'

// Of this package's `test/migrations`, seen from where the compiler puts the tests.
const MIGRATIONS = fileURLToPath(new URL('../../test/migrations', import.meta.url))

let ground: Ground
let database: TestDatabase
let db: Knex
let written: number

beforeEach(async () => {
  ground = await givenNats()
  database = await startTestDatabase([])
  await migrate(database.adminUrl, [
    { service: 'bridge', migrationsDir: MIGRATIONS, password: TEST_PASSWORD },
  ])
  db = database.open('bridge')
  written = 0
})

afterEach(async () => {
  await ground.stop()
  await database.drop()
})

/** One act: a fact, its audit intent and its event, all with the same number. */
async function writeFact(): Promise<void> {
  const number = written
  written += 1
  await act(db, { context: CONTEXT, clock: systemClock }, async (trx) => {
    await trx('facts').insert({ number })
    const audit = [{ action: 'fact.written', target: `fact:${number}`, payload: { number } }]
    return { reply: undefined, audit, events: [outgoing(happened, { number })] }
  })
}

async function readStream(stream: string): Promise<unknown[]> {
  const admin = await ground.bus('admin')
  const manager = await jetstreamManager(admin.connection)
  const { state } = await manager.streams.info(stream)
  const bodies: unknown[] = []
  if (state.messages === 0) return bodies
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    bodies.push((await manager.streams.getMessage(stream, { seq }))?.json())
  }
  return bodies
}

async function storedEvents(): Promise<number[]> {
  return (await readStream('EVENTS')).map((event) => (event as { number: number }).number)
}

async function storedIntents(): Promise<number[]> {
  const packs = (await readStream('AUDIT')) as AuditIntents[]
  return packs.flatMap(({ intents }) => intents.map(({ number }) => number))
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}

function outboxEmpty(): Promise<boolean> {
  const outbox = openOutbox(db, 'bridge')
  return eventually(async () => (await outbox.countPending()) === 0, {
    what: 'the outbox to empty',
  })
}

async function givenRelay(
  options: { bus?: Bus; wrap?: (source: OutboxSource) => OutboxSource } = {},
): Promise<Relay> {
  const bus = options.bus ?? (await ground.bus('bridge'))
  const source = openOutbox(db, 'bridge')
  return startRelay(bus, options.wrap?.(source) ?? source)
}

test('rows are stored once and in order, though the server is killed again and again', async () => {
  const relay = await givenRelay()
  let isKilling = true
  const writing = (async () => {
    while (isKilling || written < 1_000) await writeFact()
  })()

  for (let time = 0; time < 4; time += 1) {
    const before = relay.figures().published
    await eventually(async () => relay.figures().published > before + 50, {
      what: 'the relay to be under way',
    })
    await ground.nats.kill()
    await ground.nats.restart()
  }
  isKilling = false
  await writing
  await outboxEmpty()
  await relay.stop()

  expect(await storedEvents()).toEqual(numbers(0, written))
  expect(await storedIntents()).toEqual(numbers(1, written))
  expect(relay.figures().published).toBe(2 * written)
  expect(relay.figures().failures).toBeGreaterThan(0)
  expect(relay.figures().lastError).toBeUndefined()
}, 90_000)

test('rows that a process stored just before it died are stored once', async () => {
  for (let fact = 0; fact < 30; fact += 1) await writeFact()
  const dying = await ground.bus('bridge')
  let isStored: () => void = () => undefined
  const stored = new Promise<void>((resolve) => {
    isStored = resolve
  })
  const source = openOutbox(db, 'bridge')
  // Its last step never ends, as when the process is killed in it.
  const cut = { ...source, confirm: () => new Promise<void>(() => isStored()) }
  startRelay(dying, cut)
  await stored
  await source.close()
  await dying.connection.close()

  for (let fact = 0; fact < 5; fact += 1) await writeFact()
  const relay = await givenRelay()
  await outboxEmpty()
  await relay.stop()

  expect(await storedEvents()).toEqual(numbers(0, 35))
  // The packs of the second process may begin elsewhere: the ledger knows an intent by its id.
  expect([...new Set(await storedIntents())]).toEqual(numbers(1, 35))
})

test('while the database fails the relay confirms later, and repeats nothing', async () => {
  let failures = 3
  const relay = await givenRelay({
    wrap: (source) => ({
      ...source,
      confirm: (positions) => {
        failures -= 1
        return failures >= 0 ? Promise.reject(new Error('cut')) : source.confirm(positions)
      },
    }),
  })

  for (let fact = 0; fact < 20; fact += 1) await writeFact()
  await outboxEmpty()
  await relay.stop()

  expect(await storedEvents()).toEqual(numbers(0, 20))
  expect(await storedIntents()).toEqual(numbers(1, 20))
})

test('a full stream holds up its own rows only, and gets them in order later', async () => {
  const admin = await ground.bus('admin')
  const manager = await jetstreamManager(admin.connection)
  const { config } = await manager.streams.info('AUDIT')
  await manager.streams.update('AUDIT', { ...config, max_bytes: 1 })
  for (let fact = 0; fact < 100; fact += 1) await writeFact()

  const relay = await givenRelay()
  await eventually(async () => relay.figures().failures > 0, { what: 'a refusal' })
  await eventually(async () => (await storedEvents()).length === 100, { what: 'the events' })
  expect(await storedIntents()).toEqual([])
  expect(relay.figures().lastError).toBe('bus.unavailable')
  await manager.streams.update('AUDIT', config)
  await outboxEmpty()
  await relay.stop()

  expect(await storedIntents()).toEqual(numbers(1, 100))
  expect(await storedEvents()).toEqual(numbers(0, 100))
})

test('while the server is away the relay tries seldom, and goes on by itself', async () => {
  const bus = await ground.bus('bridge')
  let claims = 0
  const relay = await givenRelay({
    bus,
    wrap: (source) => ({
      ...source,
      claim: (limit) => {
        claims += 1
        return source.claim(limit)
      },
    }),
  })
  await ground.nats.kill()
  await eventually(
    () =>
      bus.roundTripMs().then(
        () => false,
        () => true,
      ),
    {
      what: 'the client to notice',
    },
  )
  const before = { claims, failures: relay.figures().failures }

  const until = performance.now() + 2_000
  while (performance.now() < until) await writeFact()
  expect(relay.figures().failures - before.failures).toBeLessThan(15)
  expect(claims - before.claims).toBeLessThan(15)
  expect(relay.figures().lastError).toBe('bus.unavailable')
  await ground.nats.restart()
  await outboxEmpty()
  await relay.stop()

  expect(await storedEvents()).toEqual(numbers(0, written))
})

test('a row is published as soon as its transaction commits, not at the next poll', async () => {
  const relay = await givenRelay()
  await writeFact()
  await outboxEmpty()
  const latencies: number[] = []

  for (let fact = 0; fact < 10; fact += 1) {
    const before = relay.figures().published
    const startedAt = performance.now()
    await writeFact()
    await eventually(async () => relay.figures().published > before + 1, { what: 'the rows' })
    latencies.push(performance.now() - startedAt)
  }
  await relay.stop()

  // Half of them would wait for more than 250 ms of the poll's 500.
  expect(latencies.sort((a, b) => a - b)[5]).toBeLessThan(250)
})

test('a relay that stops has confirmed what it stored', async () => {
  const relay = await givenRelay()
  for (let fact = 0; fact < 40; fact += 1) await writeFact()

  await relay.stop()

  const outbox = openOutbox(db, 'bridge')
  const left = (await outbox.claim(1_000)).filter(({ audit }) => !audit)
  await outbox.close()
  const stored = await storedEvents()
  expect(stored).toEqual(numbers(0, stored.length))
  expect(left.map(({ payload }) => payload)).toEqual(
    numbers(stored.length, 40 - stored.length).map((number) => ({ number })),
  )
})
