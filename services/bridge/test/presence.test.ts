import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { RUNS_OPEN_MAX, type recordHeartbeat } from '@mumega/contracts/bridge'
import type { RequestOf } from '@mumega/contracts/define'
import { handleGetAgent, handleListAgents } from '../src/agents/read-agents.ts'
import { handleRecordHeartbeat } from '../src/agents/record-heartbeat.ts'
import { startDeliveries, type Deliveries } from './given-deliveries.ts'
import { agent, refusal } from './given.ts'

let bus: Deliveries
beforeAll(async () => {
  bus = await startDeliveries()
})
afterAll(async () => {
  await bus.stop()
})

const beat = (name: string, heartbeat: RequestOf<typeof recordHeartbeat>) =>
  handleRecordHeartbeat(bus.bridge, agent(name), heartbeat)

const shown = (name: string) => handleGetAgent(bus.bridge, agent('kasra'), { name })

test('an agent that works is active, one that only lives on while its mail waits is dormant', async () => {
  await bus.register('loom')
  expect(await shown('loom')).toMatchObject({ presence: 'dormant', unread: 0 })
  await beat('loom', { status: 'idle' })
  expect(await shown('loom')).toMatchObject({ presence: 'idle' })

  const sentAt = bus.now().toISOString()
  const messageId = await bus.send('loom')
  expect(await shown('loom')).toMatchObject({ unread: 1, oldestUnreadAt: sentAt })
  bus.pass(1_801)
  await beat('loom', { status: 'idle' })
  expect(await shown('loom')).toMatchObject({ presence: 'dormant' })

  await bus.acknowledge('loom', messageId)
  const worked = await shown('loom')
  expect(worked).toMatchObject({ presence: 'active', lastWorkAt: bus.now().toISOString() })
  expect(worked).not.toHaveProperty('oldestUnreadAt')
  bus.pass(86_401)
  expect(await shown('loom')).toMatchObject({ presence: 'dead' })
})

test('a run is work under way until it ends, and its success is work', async () => {
  await bus.register('river')
  const runId = randomUUID()
  await beat('river', { run: { runId, signal: 'start' } })
  bus.pass(200)
  expect(await shown('river')).toMatchObject({ presence: 'active', openRuns: 1 })

  await beat('river', { run: { runId, signal: 'success' } })
  const endedAt = bus.now().toISOString()
  expect(await shown('river')).toMatchObject({
    presence: 'active',
    openRuns: 0,
    lastWorkAt: endedAt,
    lastRun: { runId, outcome: 'success', endedAt, durationMs: 200_000 },
  })
})

test('a run that fails is a sign of life, but no work', async () => {
  await bus.register('mizan')
  const runId = randomUUID()
  await beat('mizan', { run: { runId, signal: 'start' } })
  bus.pass(1)
  await beat('mizan', { run: { runId, signal: 'fail' }, note: 'no such table' })
  const failed = await shown('mizan')
  expect(failed).toMatchObject({ presence: 'idle', openRuns: 0, lastRun: { outcome: 'fail' } })
  expect(failed).not.toHaveProperty('lastWorkAt')
})

test('a run whose start was never heard of ends without a duration, and twice changes nothing', async () => {
  await bus.register('athena')
  const run = { runId: randomUUID(), signal: 'success' as const }
  await beat('athena', { run })
  await beat('athena', { run })
  const { lastRun } = await shown('athena')
  expect(lastRun).toMatchObject({ runId: run.runId })
  expect(lastRun).not.toHaveProperty('durationMs')
})

test('a start that comes after the end of its run opens nothing, and an end twice changes nothing', async () => {
  await bus.register('river')
  const [runId, other] = [randomUUID(), randomUUID()]
  await beat('river', { run: { runId, signal: 'success' } })
  await beat('river', { run: { runId, signal: 'start' } })
  expect(await shown('river')).toMatchObject({ openRuns: 0 })

  await beat('river', { run: { runId: other, signal: 'start' } })
  bus.pass(10)
  await beat('river', { run: { runId: other, signal: 'success' } })
  bus.pass(10)
  await beat('river', { run: { runId: other, signal: 'success' } })
  expect(await shown('river')).toMatchObject({ openRuns: 0, lastRun: { durationMs: 10_000 } })
})

test('of runs that have ended only the last ones are remembered', async () => {
  await bus.register('busy')
  for (let nth = 0; nth < 205; nth += 1) {
    bus.pass(1)
    await beat('busy', { run: { runId: randomUUID(), signal: 'fail' } })
  }
  const { rows } = await bus.admin.raw<{ rows: unknown[] }>(`select from runs where agent = 'busy'`)
  expect(rows).toHaveLength(200)
})

test('runs that overlap are told apart, and starting one again is no second one', async () => {
  await bus.register('calliope')
  const [one, two] = [randomUUID(), randomUUID()]
  await beat('calliope', { run: { runId: one, signal: 'start' } })
  bus.pass(10)
  await beat('calliope', { run: { runId: two, signal: 'start' } })
  await beat('calliope', { run: { runId: one, signal: 'start' } })
  bus.pass(10)
  await beat('calliope', { run: { runId: one, signal: 'success' } })
  expect(await shown('calliope')).toMatchObject({
    openRuns: 1,
    lastRun: { runId: one, durationMs: 20_000 },
  })
})

test('an agent has so many open runs at most, and those of long ago do not count', async () => {
  await bus.register('many')
  const starts = Array.from({ length: RUNS_OPEN_MAX + 3 }, () =>
    beat('many', { run: { runId: randomUUID(), signal: 'start' } }),
  )
  const outcomes = await Promise.allSettled(starts)
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  expect(refused).toMatchObject(
    Array.from({ length: 3 }, () => ({ reason: { code: 'bridge.too-many-runs' } })),
  )
  expect(await shown('many')).toMatchObject({ openRuns: RUNS_OPEN_MAX })

  bus.pass(3 * 86_400)
  await beat('many', { run: { runId: randomUUID(), signal: 'start' } })
  expect(await shown('many')).toMatchObject({ openRuns: 1 })
})

test('nobody starts or ends a run of another agent', async () => {
  await bus.register('own')
  const runId = randomUUID()
  await beat('own', { run: { runId, signal: 'start' } })
  await beat('kasra', { run: { runId, signal: 'success' } })
  const forged = beat('kasra', { agent: 'own', run: { runId, signal: 'fail' } })
  expect(await refusal(forged)).toMatchObject({ code: 'bridge.identity-binding-mismatch' })
  expect(await shown('own')).toMatchObject({ openRuns: 1 })
})

test('a list of agents shows of each what is shown of it alone', async () => {
  const { agents } = await handleListAgents(bus.bridge, agent('kasra'), { limit: 200 })
  const alone = await Promise.all(agents.map(({ name }) => shown(name)))
  expect(agents).toEqual(alone)
  expect(agents.length).toBeGreaterThan(3)
})
