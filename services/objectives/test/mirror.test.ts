import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { recordEngram } from '@mumega/contracts/engrams'
import { healthOf } from '@mumega/contracts/health'
import type { Knex } from '@mumega/db'
import { eventually, startTestMirror, type MirrorFault, type TestMirror } from '@mumega/testkit'
import { loadConfig } from '../src/config.ts'
import { claimDue } from '../src/mirror/mirror-repository.ts'
import { mirrorSettings } from '../src/mirror/settings.ts'
import { memoryOf, type Memory } from './given-engrams.ts'
import { unguarded } from './given-progress.ts'
import { agent, operator, startTestObjectives, type TestObjectives } from './given.ts'

const TOKEN = 'mirror-token'
let mirror: TestMirror
let objectives: TestObjectives
let kasra: Memory

const quick = (changes: Record<string, string> = {}) => ({
  ...{ MIRROR_URL: mirror.url, MIRROR_TOKEN: TOKEN },
  ...{ MIRROR_TIMEOUT_MS: '200', MIRROR_BACKOFF_MS: '20', MIRROR_ATTEMPTS_MAX: '30' },
  ...changes,
})

beforeAll(async () => {
  mirror = await startTestMirror(TOKEN)
  objectives = await startTestObjectives(undefined, quick())
  kasra = memoryOf(objectives, agent('kasra'), ['project:atlas'])
}, 60_000)
afterEach(() => mirror.suffer(undefined))
afterAll(async () => {
  await objectives.stop()
  await mirror.stop()
})

const arrived = (engramId: string) =>
  eventually(async () => Promise.resolve(mirror.held.get(engramId)), { what: 'it to be told' })
const waitingOf = async (engramId: string) => {
  const row: unknown = await objectives
    .admin('mirror_outbox')
    .where({ engram_id: engramId })
    .first()
  return row as { attempts: number; last_error: string | null; dead_at: Date | null } | undefined
}
const settled = (engramId: string) =>
  eventually(async () => (await waitingOf(engramId)) === undefined, { what: 'nothing to wait' })
const health = () => objectives.call(operator(), healthOf('objectives'), {})

test('what is recorded is told to the Mirror as it speaks, and no longer waits', async () => {
  const { engramId, observedAt } = await kasra.record({
    ...{ tier: 'project', circle: 'atlas', tags: ['q4'], measures: { revenue: 2 } },
  })
  expect(await arrived(engramId)).toEqual({
    ...{ context_id: engramId, agent: 'kasra', project: 'atlas', tier: 'project' },
    ...{ text: 'Ship on Friday.', epistemic_truths: ['Ship on Friday.'], core_concepts: ['q4'] },
    metadata: {
      ...{ tenant_id: 'acme', kind: 'decision', measures: { revenue: 2 } },
      observed_at: observedAt,
    },
  })
  await settled(engramId)
  const { status, dependencies, figures } = await health()
  expect(status).toBe('ok')
  expect(dependencies).toContainEqual(expect.objectContaining({ name: 'mirror', status: 'ok' }))
  expect(figures).toMatchObject({ mirrorWaiting: 0, mirrorDead: 0 })
})

test('what has measures alone is told in words, by which a Mirror can find it', async () => {
  const sale = { kind: 'sale', tier: 'entity', circle: 'lab' } as const
  const { engramId } = await objectives.call(agent('kasra'), recordEngram, {
    ...{ ...sale, measures: { revenue: 2.5, pieces: 3 } },
    ...{ requestId: randomUUID(), circles: ['entity:lab'] },
  })

  expect(await arrived(engramId)).toMatchObject({
    ...{ text: 'sale: pieces 3, revenue 2.5', epistemic_truths: [] },
    ...{ tier: 'entity', entity_id: 'lab', project: 'lab' },
  })
})

test('a private engram never leaves, not even one that waited when the settings said it may', async () => {
  const { engramId } = await kasra.record({ tier: 'private', text: 'Mine alone.' })
  expect(await waitingOf(engramId)).toBe(undefined)
  await objectives.admin('mirror_outbox').insert({ tenant_id: 'acme', engram_id: engramId })
  await settled(engramId)
  expect(mirror.asked).not.toContain(engramId)
  const { tiers } = mirrorSettings(
    loadConfig({
      ...{ DATABASE_URL: 'postgres://a@b/c', NATS_URL: 'nats://a:1', MIRROR_TIERS: 'private' },
      ...{ MIRROR_URL: 'http://a', MIRROR_TOKEN: 'b' },
    }),
  ) ?? { tiers: new Set() }
  expect([...tiers]).toEqual(['private'])
})

test.each<[string, MirrorFault, RegExp]>([
  ['hangs', 'hangs', /did not answer within 200 ms/],
  ['breaks off', 'drops-connection', /cannot be reached, or broke off/],
  ['fails', { status: 500 }, /status 500/],
  ['is behind a wrong token', { status: 401 }, /MIRROR_TOKEN/],
  ['moves', { status: 307, headers: { location: 'http://127.0.0.1:1/' } }, /redirects/],
])(
  'while the Mirror %s, agents record and recall, health tells why, and it is told later',
  async (_, fault, reason) => {
    mirror.suffer(fault)
    const { engramId } = await kasra.record()
    await eventually(async () => ((await waitingOf(engramId))?.attempts ?? 0) > 0, {
      what: 'an attempt',
    })
    expect((await waitingOf(engramId))?.last_error).toMatch(reason)
    const { status, dependencies, figures } = await health()
    expect([status, figures['mirrorWaiting']]).toEqual(['ok', 1])
    const about = dependencies.find(({ name }) => name === 'mirror')
    expect(about).toMatchObject({ status: 'failing', reason: expect.stringMatching(reason) })
    expect((await kasra.get(engramId)).engramId).toBe(engramId)

    mirror.suffer(undefined)

    await arrived(engramId)
    await settled(engramId)
  },
)

test('a Mirror that asks for time is asked nothing meanwhile', async () => {
  mirror.suffer({ status: 429, headers: { 'retry-after': '2' } })
  const first = await kasra.record()
  await eventually(async () => ((await waitingOf(first.engramId))?.attempts ?? 0) > 0, {
    what: 'an attempt',
  })
  const refusedAtMs = performance.now()
  const askedBefore = mirror.asked.length
  mirror.suffer(undefined)
  const second = await kasra.record()
  await arrived(second.engramId)
  expect(performance.now() - refusedAtMs).toBeGreaterThan(1_500)
  await arrived(first.engramId)
  expect(mirror.asked).toHaveLength(askedBefore + 2)
})

test.each([400, 422])(
  'what the Mirror refuses by %d is given up at once, with the reason',
  async (status) => {
    mirror.suffer({ status })
    const { engramId } = await kasra.record()
    const dead = await eventually(
      async () => {
        const row = await waitingOf(engramId)
        return row?.dead_at instanceof Date && row
      },
      { what: 'it to be given up' },
    )
    expect(dead).toMatchObject({ attempts: 1, last_error: expect.stringMatching(`${status}`) })
    mirror.suffer(undefined)
    await objectives.admin('mirror_outbox').update({ next_try_at: new Date(0) })
    const next = await kasra.record()
    await arrived(next.engramId)
    expect(mirror.asked.filter((id) => id === engramId)).toHaveLength(1)
    expect((await health()).figures['mirrorDead']).toBeGreaterThan(0)
    await objectives.admin('mirror_outbox').whereNotNull('dead_at').delete()
  },
)

test('what fails as often as it may is given up', async () => {
  await objectives.admin('mirror_outbox').delete()
  mirror.suffer({ status: 500 })
  const { engramId } = await kasra.record()
  await objectives.admin('mirror_outbox').where({ engram_id: engramId }).update({ attempts: 29 })
  await objectives.admin('mirror_outbox').update({ next_try_at: new Date() })
  const dead = await eventually(
    async () => {
      const row = await waitingOf(engramId)
      return row?.dead_at instanceof Date && row
    },
    { what: 'it to be given up' },
  )
  expect(dead.attempts).toBeGreaterThanOrEqual(30)
  await objectives.admin('mirror_outbox').delete()
})

test('what was told by a process that ended before it heard so is told again under the same id, and held once', async () => {
  mirror.suffer('takes-and-hangs')
  const { engramId } = await kasra.record()
  await arrived(engramId)
  expect(await waitingOf(engramId)).toMatchObject({ dead_at: null })
  mirror.suffer(undefined)
  await settled(engramId)
  expect(mirror.asked.filter((id) => id === engramId).length).toBeGreaterThan(1)
})

test('what a killed process had claimed is told by another, in whatever order', async () => {
  const many = await Promise.all(Array.from({ length: 30 }, () => kasra.record()))
  // As one that was killed right after claiming leaves them.
  await objectives.admin.raw(
    `update mirror_outbox set next_try_at = now() + interval '500 milliseconds'`,
  )
  for (const { engramId } of many) {
    await arrived(engramId)
    await settled(engramId)
  }
})

test('of two that claim at once, each is given others', async () => {
  const apart = await startTestObjectives()
  await unguarded(apart.admin, (trx) =>
    trx.raw(
      `insert into mirror_outbox (tenant_id, engram_id)
       select 'acme', gen_random_uuid() from generate_series(1, 30)`,
    ),
  )
  const claim = async (trx: Knex.Transaction) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'substrate', true)`)
    await trx.raw(`set local lock_timeout = '5s'`)
    return claimDue(trx, { limit: 20, leaseMs: 60_000 })
  }
  const claimed = await apart.db.transaction(async (first) => {
    const ours = await claim(first)
    // While nobody else sees that those are taken.
    const theirs = await apart.db.transaction(claim)
    return [...ours, ...theirs].map(({ engramId }) => engramId)
  })
  await apart.stop()
  expect(claimed).toHaveLength(30)
  expect(new Set(claimed).size).toBe(30)
})

test.each([
  [{ MIRROR_URL: 'ftp://a' }, /MIRROR_URL/],
  [{ MIRROR_URL: 'http://a/' }, /MIRROR_URL/],
  [{ MIRROR_TIERS: 'public,secret' }, /MIRROR_TIERS/],
  [{ MIRROR_URL: 'http://a', MIRROR_TOKEN: '' }, /MIRROR_TOKEN/],
])('a setting of the Mirror that is wrong is refused by its name: %j', (settings, said) => {
  const needed = { DATABASE_URL: 'postgres://a@b/c', NATS_URL: 'nats://a:1' }
  expect(() => mirrorSettings(loadConfig({ ...needed, ...settings }))).toThrow(said)
})
