import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  getSprint,
  getTrack,
  listSprints,
  openCorrectiveSprint,
  openSprint,
} from '@mumega/contracts/gate'
import { listFindings, recordFinding } from '@mumega/contracts/gate-review'
import { systemClock } from '@mumega/config/clock'
import { readAs, act } from '@mumega/db/act'
import {
  agent,
  codeOf,
  newCommit,
  operator,
  refusal,
  startTestGate,
  type TestGate,
} from './given.ts'
import { recordOf, stepsOf } from './given-review.ts'

let gate: TestGate
let steps: ReturnType<typeof stepsOf>

beforeAll(async () => {
  gate = await startTestGate()
  steps = stepsOf(gate)
}, 60_000)
afterAll(() => gate.stop())

const tally = () => recordOf(gate)
const loom = agent('loom')

test('a sprint is opened once, and shows its tracks with their verdicts', async () => {
  const requestId = randomUUID()
  const order = { requestId, sprintId: 'goals', title: 'Goals', note: 'First of them.' }
  const opened = await gate.call(loom, openSprint, order)
  expect(await gate.call(loom, openSprint, order)).toEqual(opened)
  expect(await codeOf(steps.sprint({ sprintId: 'goals' }))).toBe('gate.sprint-exists')
  const locks = ['LOCK-GATE-1']
  const track = { sprintId: 'goals', trackId: 'b', locks }
  const at = await steps.green(track)
  expect(await codeOf(steps.track(track))).toBe('gate.track-exists')

  const shown = await gate.call(loom, getSprint, { sprintId: 'goals' })
  expect(shown).toMatchObject({
    ...{ ...opened, origin: 'planned' },
    tracks: [{ trackId: 'b', author: 'agent.kasra', newestIteration: 1, verdict: 'GREEN', locks }],
  })
  const { iterations } = await gate.call(loom, getTrack, { sprintId: 'goals', trackId: 'b' })
  expect(iterations).toMatchObject([{ iteration: 1, commit: at.commit, verdict: 'GREEN' }])
})

test('sprints are listed page by page, each tenant its own', async () => {
  const globex = agent('river', 'globex')
  const ids = ['one', 'three', 'two']
  for (const sprintId of ids) await gate.call(globex, openSprint, { sprintId, title: sprintId })
  const first = await gate.call(globex, listSprints, { limit: 2 })
  expect(first.sprints.map(({ sprintId }) => sprintId)).toEqual(['one', 'three'])
  const { next: after } = first
  const rest = await gate.call(globex, listSprints, { limit: 2, ...(after && { after }) })
  expect(rest.sprints.map(({ sprintId }) => sprintId)).toEqual(['two'])
  expect(rest).not.toHaveProperty('next')
  expect(await codeOf(gate.call(loom, getSprint, { sprintId: 'one' }))).toBe(
    'gate.sprint-not-found',
  )
})

test('what belongs to another tenant is as absent as what never was', async () => {
  const at = await steps.reviewed()
  await steps.find(at)
  const { sprintId, trackId, iteration, commit } = at
  const stranger = agent('probe', 'globex')
  expect(await codeOf(gate.call(stranger, getTrack, { sprintId, trackId }))).toBe(
    'gate.track-not-found',
  )
  const evidence = { commit, reproduced: 'Looked.' }
  const finding = { arm: 'adversarial', severity: 'INFO', title: 'Mine', evidence } as const
  expect(
    await codeOf(gate.call(stranger, recordFinding, { sprintId, trackId, iteration, ...finding })),
  ).toBe('gate.iteration-not-found')
  const { rows: tables } = await gate.admin.raw<{ rows: { name: string; safe: boolean }[] }>(
    `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as safe
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
      where c.relnamespace = 'gate'::regnamespace and c.relkind = 'r' order by c.relname`,
  )
  expect(tables.filter(({ safe }) => !safe)).toEqual([])
  expect(tables.length).toBeGreaterThanOrEqual(9)
  for (const { name } of tables) {
    const rows = await readAs(gate.db, stranger, (trx) => trx(name).select())
    expect([name, rows.filter((row: { tenant_id: string }) => row.tenant_id !== 'globex')]).toEqual(
      [name, []],
    )
  }
})

test('an incident has one corrective sprint, however often and at once the healer asks', async () => {
  const healer = { tenantId: 'acme', actor: { id: 'service:healer', kind: 'service' as const } }
  const incidentId = randomUUID()
  const trigger = { name: 'seed-inbox-staleness', incidentId, evidence: ['It came back.'] }
  const bus = await gate.suite.bus('healer')
  const open = (title: string) => {
    const order = { requestId: randomUUID(), title, trigger }
    return bus.request(openCorrectiveSprint, order, { context: healer })
  }
  const all = await Promise.all(['One', 'Two', 'Three', 'Four'].map(open))
  expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1)
  const sprintId = `corrective-${incidentId}`
  expect(await gate.call(loom, getSprint, { sprintId })).toMatchObject({
    ...{ sprintId, origin: 'corrective', trigger, openedBy: 'service:healer', tracks: [] },
  })
  const page = await gate.call(loom, listSprints, { limit: 200, origin: 'corrective' })
  expect(page.sprints.map((sprint) => sprint.sprintId)).toContain(sprintId)
  const squatted = { ...trigger, incidentId: randomUUID() }
  expect(
    await refusal(steps.sprint({ sprintId: `corrective-${squatted.incidentId}` })),
  ).toMatchObject({ code: 'gate.invalid-field', details: { field: 'sprintId' } })
  const evidence = Array.from({ length: 20 }, () => '"'.repeat(1_500))
  const full = { title: 'x', trigger: { ...squatted, evidence } }
  expect(await gate.call(healer, openCorrectiveSprint, full)).toMatchObject({
    trigger: full.trigger,
  })
})

test('a finding is fixed or carried, once, and a BLOCK is not carried', async () => {
  const at = await steps.reviewed()
  const [block, warn, info] = [
    await steps.find(at, 'BLOCK-P1'),
    await steps.find(at, 'WARN'),
    await steps.find(at, 'INFO'),
  ]
  const to = await steps.sprint()
  expect(await codeOf(steps.carry(at, block.number, to))).toBe('gate.block-not-carried')
  expect(await codeOf(steps.carry(at, warn.number, 'nowhere'))).toBe('gate.sprint-not-found')
  expect(await refusal(steps.carry(at, warn.number, at.sprintId))).toMatchObject({
    ...{ code: 'gate.invalid-field', details: { field: 'to' } },
  })
  const carried = await steps.carry(at, warn.number, to)
  expect(carried).toMatchObject({ state: 'carried', carry: { to, by: 'agent:kasra' } })
  expect(await refusal(steps.fix(at, warn.number))).toEqual({
    ...{ code: 'gate.finding-closed', details: { state: 'carried' } },
  })
  const closings = await Promise.allSettled([
    steps.fix(at, info.number),
    steps.carry(at, info.number, to),
  ])
  expect(closings.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(await codeOf(steps.fix(at, 99))).toBe('gate.finding-not-found')
  const { sprintId, trackId } = at
  const listed = await gate.call(loom, listFindings, { sprintId, trackId, limit: 2, after: 1 })
  expect(listed.findings.map(({ number }) => number)).toEqual([2, 3])
  expect(listed).not.toHaveProperty('next')
})

test('texts are bounded in bytes and hold no control characters', async () => {
  const at = await steps.submit(await steps.track())
  const long = await refusal(steps.find(at, 'INFO', { title: 'é'.repeat(101) }))
  expect(long).toEqual({
    code: 'gate.text-too-large',
    details: { field: 'title', limitBytes: 200, actualBytes: 202 },
  })
  const evidence = { commit: at.commit, reproduced: 'a\u0001' }
  expect(await refusal(steps.find(at, 'INFO', { evidence }))).toEqual({
    ...{ code: 'gate.invalid-text', details: { field: 'evidence.reproduced' } },
  })
})

test('a report has no more tests passed than run, and each arm has one', async () => {
  const at = await steps.submit(await steps.track())
  const both = await Promise.allSettled([
    steps.report(at, 'correctness', agent('river')),
    steps.report(at, 'correctness', agent('mizan')),
  ])
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(await codeOf(steps.report(at, 'correctness', operator('acme')))).toBe('gate.arm-reported')
})

test('the database lets the service change or remove nothing that was found or said', async () => {
  const at = await steps.green()
  await steps.find(at, 'WARN')
  const before = await tally()
  const where = `where sprint_id = '${at.sprintId}'`
  for (const [statement, told] of [
    [`update findings set severity = 'INFO' ${where}`, /denied/],
    [`update findings set post_green = false ${where}`, /denied/],
    [`delete from findings ${where}`, /denied/],
    [`update verdicts set verdict = 'GREEN' ${where}`, /denied/],
    [`delete from verdicts ${where}`, /denied/],
    [`delete from closings ${where}`, /denied/],
    [`update reports set tests_passed = 0 ${where}`, /denied/],
    [`update iterations set commit_hash = commit_hash ${where}`, /denied/],
    [`update tracks set author = 'agent.loom' ${where}`, /denied/],
    [`update historic_tracks set blocks = 0`, /denied/],
    [`update tracks set newest_iteration = 2 ${where}`, /audit intent/],
    [`update tracks set newest_iteration = 0 ${where}`, /does not become less/],
    [`update tracks set findings = 0 ${where}`, /does not become less/],
  ] as const) {
    const work = gate.db.transaction(async (trx) => {
      await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
      await trx.raw(statement)
    })
    await expect(work).rejects.toThrow(told)
  }
  expect(await tally()).toEqual(before)
})

test('the database itself refuses what a service that errs would let through', async () => {
  const at = await steps.submit(await steps.track())
  const { number } = await steps.find(at)
  const { sprintId, trackId, iteration, commit } = at
  const row = { tenant_id: 'acme', sprint_id: sprintId, track_id: trackId }
  const tried = (table: string, columns: object) =>
    act(gate.db, { context: loom, clock: systemClock }, async (trx) => {
      await trx(table).insert({ ...row, ...columns })
      const audit = [{ action: 'track.tried', target: `track:${trackId}`, payload: {} }]
      return { reply: null, audit, events: [] }
    })
  const report = (by: string, arm = 'correctness', commitHash = commit) =>
    tried('reports', {
      ...{ iteration, arm, commit_hash: commitHash, tests_run: 1, tests_passed: 1, how: 'x' },
      ...{ reported_by: by, reported_at: new Date() },
    })
  const verdict = (of = iteration, said = 'GREEN') =>
    tried('verdicts', {
      ...{ iteration: of, number: 1, commit_hash: commit, verdict: said, note: 'x', findings: 1 },
      ...{ principal_id: 'agent.athena', key_number: 1, judged: Buffer.from('{}') },
      ...{ given_at: new Date(), brought_by: 'x' },
    })
  await expect(report('agent:kasra')).rejects.toThrow(/its own work/)
  await expect(report('agent:river', 'correctness', newCommit())).rejects.toThrow(/foreign key/)
  await expect(verdict()).rejects.toThrow(/by one arm/)
  await report('agent:river')
  await report('agent:probe', 'adversarial')
  await expect(verdict()).rejects.toThrow(/with a BLOCK/)
  await expect(verdict(2)).rejects.toThrow(/not the newest/)
  const carried = { number, carried_to: 'goals', closed_by: 'x', closed_at: new Date() }
  await expect(tried('closings', carried)).rejects.toThrow(/not carried/)
  await steps.fix(at, number)
  await expect(verdict()).rejects.toThrow(/with a BLOCK/)
  await verdict(iteration, 'REFINE')
  // Whatever is inserted, it says when it came.
  const next = await steps.submit(at)
  await steps.reported(next)
  await steps.judge(next)
  const finding = { number: 2, iteration: 2, commit_hash: next.commit, arm: 'adversarial' }
  const text = { severity: 'INFO', title: 'x', reproduced: 'x', found_by: 'x' }
  await tried('findings', { ...finding, ...text, post_green: false, found_at: new Date() })
  const { judged } = await steps.shown(next)
  expect(judged.findings.at(-1)).toMatchObject({ number: 2, postGreen: true })
})
