import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connectBus, type Bus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { auditAppend, type AuditIntent } from '@mumega/contracts/audit'
import type { PayloadOf } from '@mumega/contracts/define'
import {
  engramRecorded,
  ENGRAMS_MAX,
  getEngram,
  recallEngrams,
  recordEngram,
  type EngramContent,
} from '@mumega/contracts/engrams'
import { eventually } from '@mumega/testkit'
import { canonicalJson } from '@mumega/tlog/canonical'
import { handleGetEngram, handleRecallEngrams } from '../src/engrams/recall-engrams.ts'
import { memoryOf, SAID, type Memory } from './given-engrams.ts'
import { agent, operator, refusal, startTestObjectives, type TestObjectives } from './given.ts'

let objectives: TestObjectives
let kasra: Memory
let readers: Bus[]
const intents: AuditIntent[] = []
const events: PayloadOf<typeof engramRecorded>[] = []

beforeAll(async () => {
  objectives = await startTestObjectives()
  kasra = memoryOf(objectives)
  const { nats } = objectives
  const connect = (service: string) =>
    connectBus({
      ...{ natsUrl: nats.url, nkeySeed: nats.seedOf(service), service, clock: systemClock },
    })
  const [ledger, bridge] = await Promise.all([connect('audit-ledger'), connect('bridge')])
  readers = [ledger, bridge]
  await ledger.consume(auditAppend('objectives'), 'audit-ledger', async (batch) => {
    intents.push(...batch.intents)
    return Promise.resolve()
  })
  await bridge.consume(engramRecorded, 'bridge-kafka-events', async (event) => {
    events.push(event)
    return Promise.resolve()
  })
}, 60_000)
afterAll(async () => {
  await Promise.all(readers.map((reader) => reader.drain()))
  await objectives.stop()
})

const isoIn = (ms: number) => new Date(Date.now() + ms).toISOString()
const countOf = async (tenantId: string) => {
  const [row] = await objectives.admin('engrams').where({ tenant_id: tenantId }).count({ n: '*' })
  return Number(row?.['n'])
}

test('an engram is on record once per request, whole, and the ledger has its hash and no text', async () => {
  const told: EngramContent = {
    ...SAID,
    text: 'Über „Umsätze“:\n\t40 % mehr.',
    measures: { revenue: 12.5, churn: -1e-7, big: 1e15 },
    tags: ['growth', 'q4'],
    tier: 'private',
    observedAt: '2026-01-02T03:04:05.678Z',
    expiresAt: '2999-01-01T00:00:00.000Z',
  }
  const order = { ...told, requestId: randomUUID(), circles: [] }

  const [recorded, same] = await Promise.all([
    objectives.call(agent('kasra'), recordEngram, order),
    objectives.call(agent('kasra'), recordEngram, order),
  ])
  const again = await objectives.call(agent('kasra'), recordEngram, {
    ...{ ...order, circles: ['squad:core'] as const },
  })

  expect(recorded).toMatchObject({ ...told, recordedBy: 'agent:kasra' })
  expect([same, again]).toEqual([recorded, recorded])
  const { engramId, number } = recorded
  expect(await kasra.get(engramId)).toEqual(recorded)
  expect(await kasra.recallAll({ kind: 'decision', tier: 'private' })).toEqual([engramId])
  const target = `engram:${engramId}`
  const [event, intent] = await eventually(
    async () => {
      const found = [
        events.find((one) => one.engramId === engramId),
        intents.find((one) => one.target === target),
      ]
      return Promise.resolve(!found.includes(undefined) && found)
    },
    { what: 'the event and the intent' },
  )
  const sha256 = createHash('sha256').update(canonicalJson(recorded)).digest('hex')
  const about = { number, tier: 'private' }
  expect(event).toEqual({ ...about, engramId, tenantId: 'acme' })
  expect(intent).toMatchObject({ action: 'engram.recorded', payload: { ...about, sha256 } })
  expect(JSON.stringify([event, intent])).not.toMatch(/Ums|revenue|growth|decision/)
  expect(intents.filter((one) => one.target === target)).toHaveLength(1)
  const other = { ...order, text: 'Something else.' }
  const reused = await refusal(objectives.call(agent('kasra'), recordEngram, other))
  expect(reused.code).toBe('db.request-id-reused')
})

const none = { text: undefined } as unknown as Partial<EngramContent>
const REFUSED: [string, Partial<EngramContent>, string][] = [
  ['text', none, 'invalid-engram'],
  ['text', { ...none, measures: {} }, 'invalid-engram'],
  ['text', { text: 'é'.repeat(8_193) }, 'text-too-large'],
  ['text', { text: 'a\u0000b' }, 'invalid-text'],
  ['text', { text: '\ud800' }, 'invalid-text'],
  ['text', { text: '\u001b[2J' }, 'invalid-text'],
  ['circle', { tier: 'squad' }, 'invalid-engram'],
  ['circle', { tier: 'public', circle: 'core' }, 'invalid-engram'],
  ['circle', { tier: 'private', circle: 'core' }, 'invalid-engram'],
  ['observedAt', { observedAt: '2026-02-30T00:00:00.000Z' }, 'invalid-engram'],
  ['observedAt', { observedAt: isoIn(3_600_000) }, 'invalid-engram'],
  ['expiresAt', { expiresAt: '0000-01-01T00:00:00.000Z' }, 'invalid-engram'],
  ['expiresAt', { expiresAt: isoIn(-1) }, 'invalid-engram'],
]

test.each(REFUSED)('a wrong %s is refused by its name: %j', async (field, changes, code) => {
  const before = await countOf('acme')
  const refused = await refusal(kasra.record(changes))
  expect(refused).toMatchObject({ code: `objectives.${code}`, details: { field } })
  expect(await countOf('acme')).toBe(before)
})

test.each([
  ['a measure that has no name', { measures: { 'No Name': 1 } }],
  ['a measure that is out of bounds', { measures: { a: 1e16 } }],
  [
    'a measure too many',
    { measures: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`m${n}`, n])) },
  ],
  ['a tag too many', { tags: Array.from({ length: 21 }, (_, n) => `t${n}`) }],
  ['a tag twice', { tags: ['a', 'a'] }],
  ['a kind that is no name', { kind: "a' | ' r private" }],
])('%s is refused before anything is done', async (_, changes) => {
  expect((await refusal(kasra.record(changes))).code).toBe('bus.invalid-request')
})

test('the largest engram is taken whole, and a page of such ends where a message would be full', async () => {
  const large = memoryOf(objectives, agent('kasra', 'large'))
  const text = `${'"'.repeat(16_380)}ende`
  const ids: string[] = []
  for (let n = 0; n < 20; n += 1) ids.unshift((await large.record({ text })).engramId)
  const first = await large.recall()
  expect(first.engrams.length).toBeLessThan(20)
  expect(first.engrams[0]?.text).toBe(text)
  expect(await large.recallAll()).toEqual(ids)
})

test('who does not belong to a circle records nothing into it; operators belong to each', async () => {
  const before = await countOf('acme')
  const ours = { tier: 'squad', circle: 'core' } as const
  const others = memoryOf(objectives, agent('loom'), ['squad:corelli', 'project:core'])
  expect(await refusal(others.record(ours))).toEqual({
    ...{ code: 'objectives.not-in-circle', details: { circle: 'squad:core' } },
  })
  expect(await countOf('acme')).toBe(before)
  const member = memoryOf(objectives, agent('loom'), ['squad:core'])
  expect(await member.record(ours)).toMatchObject(ours)
  const theOperator = memoryOf(objectives, operator('acme'))
  expect(await theOperator.record(ours)).toMatchObject(ours)
})

test('an engram is there until its end by the service’s clock, and never after it', async () => {
  const end = '2100-01-01T00:00:00.000Z'
  const { engramId } = await kasra.record({ kind: 'brief', expiresAt: end })
  const context = agent('kasra')
  const at = async (time: string) => {
    const clock = { now: () => new Date(time), realMs: (ms: number) => ms }
    const service = { db: objectives.db, clock, mirror: undefined }
    const recalled = await handleRecallEngrams(service, context, {
      ...{ circles: [], kind: 'brief', limit: 10 },
    })
    const got = handleGetEngram(service, context, { engramId, circles: [] })
    return [
      recalled.engrams.length,
      await got.then(
        () => 'got',
        ({ code }) => code as string,
      ),
    ]
  }
  expect(await at('2099-12-31T23:59:59.999Z')).toEqual([1, 'got'])
  expect(await at(end)).toEqual([0, 'objectives.engram-not-found'])
})

const insertAs = (tenantId: string) =>
  `insert into engrams (tenant_id, engram_id, kind, body, tier, recorded_by, observed_at,
     recorded_at, nonce)
     values ('${tenantId}', gen_random_uuid(), 'a', 'b', 'public', 'c', now(), now(), repeat('n', 22))`

test.each([
  [`update engrams set body = 'Ship on Monday.'`, 'permission denied'],
  [`update engrams set expires_at = null`, 'permission denied'],
  [`update engrams set search = ''`, 'can only be updated to DEFAULT'],
  [`delete from engrams`, 'permission denied'],
  [`truncate engrams`, 'permission denied'],
  [insertAs('acme'), 'needs an audit intent'],
  [insertAs('globex'), 'row-level security'],
])('the service itself cannot by its role: %s', async (statement, said) => {
  const tried = objectives.db.transaction(async (trx) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
    await trx.raw(statement)
  })
  await expect(tried).rejects.toThrow(said)
})

test('a tenant with as many engrams as it may have records no more, and others do', async () => {
  const full = memoryOf(objectives, agent('kasra', 'full'))
  await full.record()
  await objectives
    .admin('engram_counts')
    .insert(
      // Spread, as those who record at once have it.
      Array.from({ length: 16 }, (_, shard) => ({ tenant_id: 'full', shard, recorded: 0 })),
    )
    .onConflict(['tenant_id', 'shard'])
    .ignore()
  await objectives
    .admin('engram_counts')
    .where({ tenant_id: 'full', shard: 7 })
    .update({ recorded: ENGRAMS_MAX - 2 })
  const [counted] = await objectives
    .admin('engram_counts')
    .where({ tenant_id: 'full' })
    .sum({ n: 'recorded' })
  const left = ENGRAMS_MAX - Number(counted?.['n'])
  for (let n = 0; n < left; n += 1) await full.record()
  const refused = await refusal(full.record())
  expect(refused).toMatchObject({
    ...{ code: 'objectives.too-many-engrams', details: { limit: ENGRAMS_MAX } },
  })
  expect(await kasra.record()).toMatchObject(SAID)
})

test('who holds the tenant’s lock alone knows that no lower number is still to come', async () => {
  const trx = await objectives.admin.transaction()
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('objectives.engrams acme', 0))`)
  const [last] = await trx('engrams').max({ number: 'number' })
  const recording = kasra.record()
  await eventually(
    async () => {
      const { rows } = await objectives.admin.raw<{ rows: unknown[] }>(
        `select from pg_locks where locktype = 'advisory' and not granted`,
      )
      return rows.length > 0
    },
    { what: 'the one who records to wait' },
  )
  // Of another tenant nobody waits.
  await memoryOf(objectives, agent('kasra', 'globex')).record()
  await trx.commit()
  expect(BigInt((await recording).number)).toBeGreaterThan(BigInt(String(last?.['number'])))
})

test('requests without what the gateway proves are refused', async () => {
  const bare = { limit: 1 } as never
  const refused = await refusal(objectives.call(agent('kasra'), recallEngrams, bare))
  expect(refused.code).toBe('bus.invalid-request')
  const forged = { engramId: randomUUID(), circles: ['squad:core" | "x'] } as never
  expect((await refusal(objectives.call(agent('kasra'), getEngram, forged))).code).toBe(
    'bus.invalid-request',
  )
})
