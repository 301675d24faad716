import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { getProgress, listEvidence, listProgressRuns } from '@mumega/contracts/progress'
import { eventually } from '@mumega/testkit'
import { lookOnce } from '../src/progress/mizan.ts'
import { handleSetProgressSchedule } from '../src/progress/schedule.ts'
import { agent, refusal, startTestObjectives, type TestObjectives } from './given.ts'
import { noteOn, stepsOf } from './given-objectives.ts'
import {
  dueFrom,
  formulas,
  givenEngrams,
  lookAt,
  signer,
  SIGNERS,
  unguarded,
} from './given-progress.ts'

let objectives: TestObjectives
beforeAll(async () => {
  objectives = await startTestObjectives(SIGNERS)
})
afterAll(() => objectives.stop())

const kasra = agent('kasra')
// Of a time that the service itself, which looks at the clock, takes for the future.
const QUARTER = { period: { from: '2126-10-01', to: '2126-12-31' } }
let objectiveId: string
beforeEach(async () => {
  const { admin } = objectives
  await admin.raw(
    `truncate progress, progress_cutoffs, progress_runs, progress_schedules, engrams, objectives cascade`,
  )
  const steps = stepsOf(objectives)
  const athena = signer(objectives, 'agent.athena')
  const ratified = await steps.ratified(athena, { ...QUARTER, keyResults: [...formulas] })
  objectiveId = ratified.objectiveId
  await dueFrom(admin, '2126-11-01')
})

const read = (day?: string) =>
  objectives.call(kasra, getProgress, { objectiveId, ...(day !== undefined && { day }) })

test('a day’s run computes every formula from the engrams that count on that day', async () => {
  await givenEngrams(objectives.admin, [
    { measures: { amount: 10 }, tags: ['eu'] },
    { measures: { amount: 0.5 }, tags: ['eu', 'web'], at: '2126-10-31T00:00:00Z' },
    { kind: 'visit' },
    { kind: 'visit' },
    { kind: 'visit' },
    { kind: 'visit' },
    // None of these counts:
    { at: '2126-09-30T23:59:59.999Z' },
    { at: '2126-11-01T02:00:00Z' },
    { expiresAt: '2126-11-01T02:00:00Z' },
    { tier: 'private' },
    { tier: 'squad' },
    { tenantId: 'globex', measures: { amount: 1_000 } },
  ])

  await lookAt(objectives, '2126-11-01T02:00:01Z')

  const progress = await read()
  const values = progress.keyResults.map(({ keyResultId, value, confidence, engrams }) => [
    ...[keyResultId, value, confidence, engrams.count],
  ])
  expect(values).toEqual([
    ['average', 5.25, 'present', 2],
    ['count', 2, 'present', 2],
    ['latest', 0.5, 'present', 2],
    ['milestone', 3, 'missing', 0],
    ['ratio', 0.5, 'present', 6],
    ['sum', 10.5, 'present', 2],
    ['week', 1, 'present', 1],
  ])
  expect(progress).toMatchObject({
    day: '2126-11-01',
    asOf: '2126-11-01T02:00:00.000Z',
    version: 1,
  })
  const sum = progress.keyResults.find(({ keyResultId }) => keyResultId === 'sum')
  expect(sum).toMatchObject({ progress: 1, standing: 'on-track', formulasVersion: 1 })
  const count = progress.keyResults.find(({ keyResultId }) => keyResultId === 'count')
  // From 3 down to 2 in 31 of 92 days, and so on to the end.
  expect(count).toMatchObject({ progress: 0, standing: 'off-track' })
  expect(count?.forecast?.value).toBeCloseTo(3 - 92 / (31 + 2 / 24), 9)
})

test('an edit counts on the days after it is ratified, and what was computed stays', async () => {
  await givenEngrams(objectives.admin, [{}])
  await lookAt(objectives, '2126-11-01T03:00:00Z')
  const before = await read()

  const [first] = formulas
  const steps = stepsOf(objectives)
  const draft = await steps.edit(
    { objectiveId, newestVersion: 1 } as Parameters<typeof steps.edit>[0],
    { ...QUARTER, keyResults: first === undefined ? [] : [{ ...first, target: 4 }] },
  )
  await lookAt(objectives, '2126-11-02T03:00:00Z')
  expect((await read()).version).toBe(1)

  const proposed = await steps.propose(draft)
  await steps.decide(proposed, {
    decision: 'ratify',
    note: noteOn(proposed, signer(objectives, 'agent.athena')),
  })
  await lookAt(objectives, '2126-11-03T03:00:00Z')

  expect(await read()).toMatchObject({ day: '2126-11-03', version: 2 })
  expect((await read()).keyResults).toHaveLength(1)
  expect(await read('2126-11-01')).toEqual(before)
})

test('what was recorded later counts on a later day only, and the evidence is what was counted', async () => {
  const { admin } = objectives
  await givenEngrams(admin, [{}, {}, { kind: 'visit' }])
  await lookAt(objectives, '2126-11-01T03:00:00Z')
  // Observed in time, said too late.
  await givenEngrams(admin, [{}, {}, {}])
  await lookAt(objectives, '2126-11-02T03:00:00Z')

  const counts: unknown[] = []
  for (const day of ['2126-11-01', '2126-11-02']) {
    const found: string[] = []
    for (let after: string | undefined = '0'; after !== undefined;) {
      const query = { objectiveId, day, keyResultId: 'count', limit: 2, after }
      const page: { engrams: { engramId: string }[]; next?: string } = await objectives.call(
        ...[kasra, listEvidence, query],
      )
      found.push(...page.engrams.map(({ engramId }) => engramId))
      after = page.next
    }
    const { keyResults } = await read(day)
    const { engrams, value } = keyResults.find(({ keyResultId }) => keyResultId === 'count') ?? {}
    expect(found.toReversed()).toEqual(engrams?.newest)
    counts.push([day, value, engrams?.count, found.length])
  }
  expect(counts).toEqual([
    ['2126-11-01', 2, 2, 2],
    ['2126-11-02', 5, 5, 5],
  ])
})

test('evidence of a ratio names each engram once, and nothing of another tenant', async () => {
  await givenEngrams(objectives.admin, [{}, { kind: 'visit' }, { tenantId: 'globex' }])
  await lookAt(objectives, '2126-11-01T03:00:00Z')
  const query = { objectiveId, day: '2126-11-01', keyResultId: 'ratio', limit: 200 }
  const page = await objectives.call(kasra, listEvidence, query)

  expect(page.engrams.map(({ kind }) => kind)).toEqual(['payment', 'visit'])
  expect(page.engrams.every((engram) => !('text' in engram))).toBe(true)
  expect(page.next).toBeUndefined()
  const stranger = agent('kasra', 'globex')
  const seen = await refusal(objectives.call(stranger, listEvidence, query))
  expect(seen.code).toBe('objectives.progress-not-found')
  const missing = await refusal(objectives.call(stranger, getProgress, { objectiveId }))
  expect(missing.code).toBe('objectives.progress-not-found')
})

test('days on which nothing ran are caught up with, each as of its own time', async () => {
  await givenEngrams(objectives.admin, [
    { at: '2126-11-01T12:00:00Z' },
    { at: '2126-11-03T12:00:00Z' },
  ])
  await lookAt(objectives, '2126-11-05T01:59:59Z')

  const { runs } = await objectives.call(kasra, listProgressRuns, { limit: 3 })
  expect(runs.map(({ day, asOf, state }) => [day, asOf, state])).toEqual([
    ['2126-11-04', '2126-11-04T02:00:00.000Z', 'done'],
    ['2126-11-03', '2126-11-03T02:00:00.000Z', 'done'],
    ['2126-11-02', '2126-11-02T02:00:00.000Z', 'done'],
  ])
  const values: unknown[] = []
  for (const day of ['2126-11-01', '2126-11-02', '2126-11-03', '2126-11-04']) {
    const { keyResults } = await read(day)
    values.push(keyResults.find(({ keyResultId }) => keyResultId === 'count')?.value)
  }
  expect(values).toEqual([0, 1, 1, 2])
})

test('of a long absence the last 31 days are computed, and the run says how many are not', async () => {
  await lookAt(objectives, '2127-01-10T02:00:00Z')

  const { runs, next } = await objectives.call(kasra, listProgressRuns, { limit: 200 })
  expect(next).toBeUndefined()
  expect(runs).toHaveLength(31)
  expect(runs.map(({ skippedDays }) => skippedDays).reduce((sum, one) => sum + one)).toBe(40)
  expect(runs.at(-1)).toMatchObject({ day: '2126-12-11', skippedDays: 40 })
  expect(runs[0]).toMatchObject({ day: '2127-01-10', skippedDays: 0, keyResults: 7 })
})

test('a day that is caught up with is of the version that counted then', async () => {
  const steps = stepsOf(objectives)
  const athena = signer(objectives, 'agent.athena')
  const [count] = formulas
  const edited = await steps.edit(
    { objectiveId, newestVersion: 1 } as Parameters<typeof steps.edit>[0],
    { ...QUARTER, keyResults: count === undefined ? [] : [count] },
  )
  const proposed = await steps.propose(edited)
  await steps.decide(proposed, { decision: 'ratify', note: noteOn(proposed, athena) })
  const at = { decided_at: '2126-11-02T12:00:00Z' }
  await unguarded(objectives.admin, async (trx) => {
    await trx('ratifications').where({ objective_id: objectiveId, version: 2 }).update(at)
    await trx('objective_changes')
      .where({ objective_id: objectiveId, became: 'superseded' })
      .update({ changed_at: at.decided_at })
  })

  await lookAt(objectives, '2126-11-03T03:00:00Z')

  const versions = await Promise.all(
    ['2126-11-01', '2126-11-02', '2126-11-03'].map(async (day) => (await read(day)).version),
  )
  expect(versions).toEqual([1, 1, 2])
})

test('a ratio by next to nothing is no figure, and holds up no other tenant', async () => {
  const ratio = {
    kind: 'ratio' as const,
    numerator: { of: {}, measure: 'paid' },
    denominator: { of: {}, measure: 'tries' },
  }
  const [count] = formulas
  if (count === undefined) throw new Error('no formula')
  const athena = signer(objectives, 'agent.athena')
  const keyResults = [{ ...count, keyResultId: 'odd', formula: ratio }]
  const odd = await stepsOf(objectives).ratified(athena, { ...QUARTER, keyResults })
  await givenEngrams(objectives.admin, [{ measures: { paid: 1e15, tries: 1e-300 } }])

  await lookAt(objectives, '2126-11-01T03:00:00Z')

  const query = { objectiveId: odd.objectiveId }
  const { keyResults: found } = await objectives.call(kasra, getProgress, query)
  expect(found).toMatchObject([{ confidence: 'missing', standing: 'unknown', progress: 0 }])
  expect(found[0]).not.toHaveProperty('value')
  expect((await read()).day).toBe('2126-11-01')
})

test('a tenant whose run fails holds up no other one', async () => {
  const { admin } = objectives
  const athena = signer(objectives, 'agent.athena')
  const globex = stepsOf(objectives, agent('kasra', 'globex'))
  const proposed = await globex.proposed({ ...QUARTER })
  const note = noteOn(proposed, athena, { tenant: 'globex' })
  const { objectiveId: theirs } = await globex.decide(proposed, { decision: 'ratify', note })
  await dueFrom(admin, '2126-11-01', 'globex')
  // Nobody can read this one.
  await unguarded(admin, (trx) =>
    trx('key_results').where({ tenant_id: 'acme' }).update({ definition: 'broken' }),
  )
  const clock = { now: () => new Date('2126-11-01T03:00:00Z'), realMs: (ms: number) => ms }
  const { signal } = new AbortController()
  await lookOnce({ db: objectives.db, clock, mirror: undefined }, signal)

  const query = { objectiveId: theirs, day: '2126-11-01' }
  const found = await eventually(
    () => objectives.call(agent('kasra', 'globex'), getProgress, query).catch(() => undefined),
    { what: 'the other tenant has its day' },
  )
  expect(found.keyResults).toHaveLength(1)
  const { runs } = await objectives.call(kasra, listProgressRuns, { limit: 1 })
  expect(runs).toMatchObject([{ day: '2126-11-01', state: 'running' }])
})

test.each([
  ['before a day was due', { at: '2126-11-06T01:00:00Z', runAt: '00:30', last: 6 }],
  ['after days on which nothing ran', { at: '2126-11-10T12:00:00Z', runAt: '02:00', last: 10 }],
])('a schedule that is set %s leaves no day out', async (_, { at, runAt, last }) => {
  const clock = { now: () => new Date(at), realMs: (ms: number) => ms }
  await lookAt(objectives, '2126-11-05T02:00:00Z')
  const order = { requestId: randomUUID(), timeZone: 'UTC', runAt }
  await handleSetProgressSchedule({ db: objectives.db, clock, mirror: undefined }, kasra, order)
  await lookAt(objectives, at)

  const { runs } = await objectives.call(kasra, listProgressRuns, { limit: 200 })
  expect(runs.map(({ day }) => Number(day.slice(-2)))).toEqual(
    Array.from({ length: last }, (_each, nth) => last - nth),
  )
})

test('a day that is none is refused by its name', async () => {
  const bad = '2026-02-31'
  const query = { objectiveId, day: bad, keyResultId: 'count', limit: 1 }
  const refused = await Promise.all([
    refusal(read(bad)),
    refusal(objectives.call(kasra, listEvidence, query)),
    refusal(objectives.call(kasra, listProgressRuns, { limit: 1, before: bad })),
  ])
  expect(refused.map(({ code, details }) => [code, details['field']])).toEqual([
    ['objectives.invalid-day', 'day'],
    ['objectives.invalid-day', 'day'],
    ['objectives.invalid-day', 'before'],
  ])
})
