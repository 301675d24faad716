import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { suspendPrincipal } from '@mumega/contracts/principals'
import { reinstatePrincipal } from '@mumega/contracts/principals'
import {
  getProgressSchedule,
  listProgressRuns,
  runProgress,
  setProgressSchedule,
} from '@mumega/contracts/progress'
import { eventually } from '@mumega/testkit'
import { progressRunText } from '@mumega/tlog/progress-run'
import { shareEngramLock } from '../src/engrams/engram-lock.ts'
import { agent, noteOf, operator, refusal, refusalsOf, startTestObjectives } from './given.ts'
import type { TestObjectives } from './given.ts'
import { stepsOf } from './given-objectives.ts'
import { dueFrom, givenEngrams, lookAt, signer, SIGNERS } from './given-progress.ts'

let objectives: TestObjectives
beforeAll(async () => {
  objectives = await startTestObjectives(SIGNERS)
})
afterAll(() => objectives.stop())
beforeEach(async () => {
  await objectives.admin.raw(
    `truncate progress, progress_cutoffs, progress_runs, progress_schedules, engrams, objectives,
       outbox cascade`,
  )
  // Today, and a time that the service itself, which looks at the clock, takes for the future.
  const period = { from: '2026-01-01', to: '2199-12-31' }
  await stepsOf(objectives).ratified(signer(objectives, 'agent.athena'), { period })
})

const kasra = agent('kasra')
const ask = (day: string, note: string, context = kasra) =>
  objectives.call(context, runProgress, { requestId: randomUUID(), day, note })

function noteFor(
  day: string,
  by = 'agent.mizan',
  { tenant = 'acme', principal = 'agent.mizan' } = {},
) {
  return noteOf(progressRunText({ principal, tenant, day }), [signer(objectives, by)])
}

async function today(): Promise<string> {
  return (await objectives.call(kasra, getProgressSchedule, {})).today
}

const dayAfter = (day: string) => new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)

const counts = async () => {
  const found = await objectives.admin.raw<{ rows: Record<string, unknown>[] }>(
    `select (select count(*)::int from progress_runs) as runs,
            (select count(*)::int from progress) as progress,
            (select count(*)::int from progress where computed_at is null) as pending`,
  )
  return found.rows[0]
}

test('LOCK-OBJ-3: a day is computed once, by however many at once', async () => {
  await givenEngrams(objectives.admin, [{}, {}])
  await dueFrom(objectives.admin, '2126-11-01')
  await Promise.all(Array.from({ length: 4 }, () => lookAt(objectives, '2126-11-02T03:00:00Z')))
  await lookAt(objectives, '2126-11-02T04:00:00Z')

  await eventually(async () => (await counts())?.['pending'] === 0, { what: 'both days are done' })
  const { runs } = await objectives.call(kasra, listProgressRuns, { limit: 10 })
  expect(runs.map(({ day, state }) => [day, state])).toEqual([
    ['2126-11-02', 'done'],
    ['2126-11-01', 'done'],
  ])
  expect((await counts())?.['runs']).toBe(2)
})

test('LOCK-OBJ-3: no operator and no other principal has a day computed', async () => {
  const day = await today()
  const before = await counts()
  const text = progressRunText({ principal: 'agent.mizan', tenant: 'acme', day })
  const refused = await refusalsOf(
    [
      noteFor(day, 'agent.athena'),
      noteFor(day, 'agent.athena', { principal: 'agent.athena' }),
      // Of another day, and of another tenant.
      noteFor('2126-11-01'),
      noteFor(day, 'agent.mizan', { tenant: 'globex' }),
      text,
    ],
    (note) => ask(day, note, operator('acme')),
  )

  expect(refused).toEqual([
    ['objectives.signature-invalid', 'unsigned', text],
    ['objectives.signature-invalid', 'unsigned', text],
    ['objectives.signature-invalid', 'other-text', text],
    ['objectives.signature-invalid', 'other-text', text],
    ['objectives.signature-invalid', 'malformed', text],
  ])
  expect(await counts()).toEqual(before)
})

test('LOCK-OBJ-3: a suspended mizan has nothing computed, until it is reinstated', async () => {
  const day = await today()
  const change = { requestId: randomUUID(), principalId: 'agent.mizan', reason: 'is away' }
  await objectives.call(operator(), suspendPrincipal, change)
  expect((await refusal(ask(day, noteFor(day)))).code).toBe('objectives.principal-suspended')
  await objectives.call(operator(), reinstatePrincipal, { ...change, requestId: randomUUID() })
  expect(await ask(day, noteFor(day))).toMatchObject({ day, askedBy: 'agent.mizan' })
})

test('what mizan signs has today computed at once, and asking again changes nothing', async () => {
  await givenEngrams(objectives.admin, [{}, {}])
  const day = await today()
  const note = noteFor(day)
  const asked = await Promise.all(Array.from({ length: 8 }, () => ask(day, note)))

  expect(new Set(asked.map(({ asOf }) => asOf)).size).toBe(1)
  const done = await eventually(
    async () => {
      const { runs } = await objectives.call(kasra, listProgressRuns, { limit: 10 })
      return runs[0]?.state === 'done' && runs
    },
    { what: 'the run is done' },
  )
  expect(done).toHaveLength(1)
  expect(done[0]).toMatchObject({ day, askedBy: 'agent.mizan', note, keyResults: 1 })
  const wrong = await refusal(ask('2126-11-01', noteFor('2126-11-01')))
  expect(wrong).toMatchObject({ code: 'objectives.invalid-schedule', details: { field: 'day' } })
  // It was asked for before it was due: when it is due it is there.
  await dueFrom(objectives.admin, day)
  await lookAt(objectives, `${day}T23:00:00Z`)
  expect((await objectives.call(kasra, listProgressRuns, { limit: 10 })).runs).toHaveLength(1)
})

test.each([
  [
    'a value that no run computed',
    `insert into progress (tenant_id, day, objective_id,
     key_result_id, version, computed_at, value, progress, confidence, standing, engrams, newest,
     formulas_version) select tenant_id, day, objective_id, key_result_id || '-2', version, now(), 7, 1,
     'present', 'on-track', 1, '{}', 1 from progress`,
  ],
  ['another value', 'update progress set value = 9, progress = 1'],
  ['a value taken away', 'update progress set value = null'],
  ['a run under way again', `update progress_runs set state = 'running', completed_at = null`],
  ['a run as of another time', `update progress_runs set as_of = now()`],
  ['another cut-off', 'update progress_cutoffs set engram_number = 1'],
  ['a value removed', 'delete from progress'],
  ['an engram changed', 'update engrams set measures = \'{"amount": 9}\''],
])('LOCK-OBJ-3: the database does not let the service write %s', async (_, statement) => {
  await givenEngrams(objectives.admin, [{}])
  await dueFrom(objectives.admin, '2126-11-01')
  await lookAt(objectives, '2126-11-01T03:00:00Z')
  const before = await objectives.admin('progress').select()
  const attempt = objectives.db.transaction(async (trx) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
    await trx.raw(statement)
  })

  await expect(attempt).rejects.toMatchObject({
    code: expect.stringMatching(/^(42501|MU015|MU016|23503)$/),
  })
  expect(await objectives.admin('progress').select()).toEqual(before)
})

test('a run waits for whoever is recording, and looks at nothing that is recorded after', async () => {
  await dueFrom(objectives.admin, '2126-11-01')
  const recording = await objectives.db.transaction()
  await recording.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
  await shareEngramLock(recording, 'acme')
  const looking = lookAt(objectives, '2126-11-01T03:00:00Z')
  await eventually(
    async () => {
      const found = await objectives.admin.raw<{ rows: { count: string }[] }>(
        `select count(*) from pg_locks where locktype = 'advisory' and not granted`,
      )
      return Number(found.rows[0]?.count) >= 1
    },
    { what: 'the run waits' },
  )
  await givenEngrams(objectives.admin, [{}])
  await recording.commit()
  await looking

  expect(await objectives.admin('progress').select('value')).toEqual([{ value: 1 }])
})

test('a tenant’s time zone and time say when a day is due, and no day is due twice', async () => {
  const set = (timeZone: string, runAt: string) =>
    objectives.call(kasra, setProgressSchedule, { requestId: randomUUID(), timeZone, runAt })
  const refused = await refusal(set('Europe/Nowhere', '02:00'))
  expect(refused).toMatchObject({
    ...{ code: 'objectives.invalid-schedule', details: { field: 'timeZone' } },
  })

  expect(await set('Asia/Kolkata', '05:45')).toMatchObject({ timeZone: 'Asia/Kolkata' })
  const berlin = await set('europe/berlin', '05:45')
  expect(berlin).toMatchObject({ timeZone: 'Europe/Berlin', runAt: '05:45' })
  expect(await objectives.call(kasra, getProgressSchedule, {})).toEqual({
    ...berlin,
    today: expect.any(String),
  })
  const day = berlin.today
  await ask(day, noteFor(day))
  await set('Europe/Berlin', '00:00')
  const late = `${dayAfter(day)}T00:00:00Z`
  await lookAt(objectives, late)
  const { runs } = await objectives.call(kasra, listProgressRuns, { limit: 10 })
  expect(runs.filter((run) => run.day === day)).toHaveLength(1)
})
