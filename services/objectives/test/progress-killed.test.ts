import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Knex } from '@mumega/db'
import { openAdmin, eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { keyResult } from './given-objectives.ts'
import { dueFrom, givenEngrams, unguarded, valuesOf } from './given-progress.ts'

let suite: TestSuite
let admin: Knex
beforeAll(async () => {
  suite = await startTestSuite({ services: ['objectives'] })
  admin = openAdmin(suite.database.adminUrl, { schema: 'objectives' })
})
afterAll(async () => {
  await admin.destroy()
  await suite.stop()
})

// More key results than are computed in one pass.
const OBJECTIVES = 60
const EACH = 20

/** A tenant whose objectives are on record as ratified, with the engrams that they look at. */
async function givenTenant(tenantId: string): Promise<void> {
  const keyResults = Array.from({ length: EACH }, (_, nth) =>
    keyResult({
      keyResultId: `kr-${nth}`,
      formula: { kind: 'sum', measure: 'amount', of: { kinds: [`kind-${nth}`] } },
    }),
  )
  const content = JSON.stringify({
    ...{ title: 'Strangers pay', owner: 'kasra', keyResults },
    period: { from: '2026-01-01', to: '2199-12-31' },
  })
  await unguarded(admin, async (trx) => {
    const values = { tenantId, content: Buffer.from(content), most: OBJECTIVES }
    await trx.raw(
      `with made as (
         insert into objectives (tenant_id, objective_id)
         select :tenantId, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid
           from generate_series(1, :most::int) n returning objective_id),
       versions as (
         insert into objective_versions
           (tenant_id, objective_id, version, state, content, owner, tags, created_at, created_by)
         select :tenantId, objective_id, 1, 'ratified', :content, 'kasra', '{}', now(), 'agent:kasra'
           from made returning objective_id)
       insert into key_results (tenant_id, objective_id, version, key_result_id, definition)
       select :tenantId, v.objective_id, 1, k ->> 'keyResultId', k::text
         from versions v,
              json_array_elements(convert_from(:content, 'UTF8')::json -> 'keyResults') k`,
      values,
    )
    await trx.raw(
      `insert into ratifications (tenant_id, objective_id, version, decision, principal_id,
              key_number, note, decided_at)
       select tenant_id, objective_id, 1, 'ratify', 'agent.athena', 1, 'said', '2026-10-02'
         from objectives where tenant_id = ?`,
      [tenantId],
    )
    await trx('progress_schedules').insert({
      ...{ tenant_id: tenantId, time_zone: 'UTC', run_at: '02:00' },
      ...{ next_day: '2100-01-01', next_run_at: '2100-01-01T02:00:00Z' },
    })
  })
  await givenEngrams(
    admin,
    Array.from({ length: 2_000 }, (_, nth) => ({
      ...{ tenantId, kind: `kind-${nth % EACH}`, measures: { amount: nth / 7 }, at },
    })),
  )
}

const dayBefore = (days: number) =>
  new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)
const yesterday = dayBefore(1)
/** Before the run's time, whatever is recorded of it later. */
const at = `${dayBefore(3)}T12:00:00Z`
const tally = async (tenantId: string) => {
  const found = await admin.raw<{ rows: { state: string | null; open: number }[] }>(
    `select (select state from progress_runs where tenant_id = :tenantId and day = :day) as state,
            (select count(*)::int from progress
              where tenant_id = :tenantId and day = :day and computed_at is null) as open`,
    { tenantId, day: yesterday },
  )
  return found.rows[0]
}

test('LOCK-OBJ-3: a run that was killed in the middle goes on, and comes to the same figures', async () => {
  await givenTenant('whole')
  await givenTenant('killed')
  await dueFrom(admin, yesterday, 'whole')
  await eventually(async () => (await tally('whole'))?.state === 'done', {
    what: 'a run that nothing disturbs',
  })

  // What is computed last is held, so that the second pass cannot be stored.
  const holder = await admin.transaction()
  await suite.kill('objectives')
  await dueFrom(admin, yesterday, 'killed')
  await holder.raw('lock table progress_cutoffs in share mode')
  await suite.restart('objectives')
  await eventually(async () => (await tally('killed'))?.open === OBJECTIVES * EACH, {
    what: 'it is decided which key results the run is about',
  })
  await suite.kill('objectives')
  await holder.rollback()
  // Now in the middle of what is stored: the last of all is held.
  const second = await admin.transaction()
  const last = `select from progress where tenant_id = 'killed' order by objective_id desc,
    key_result_id desc limit 1 for update`
  await second.raw(last)
  await suite.restart('objectives')
  await eventually(async () => (await tally('killed'))?.open === OBJECTIVES * EACH - 1_000, {
    what: 'the first pass is stored, and the second is not',
  })
  await suite.kill('objectives')
  await second.rollback()
  // Recorded meanwhile: nothing of it is the run's.
  const late = { tenantId: 'killed', kind: 'kind-1', measures: { amount: 1_000_000 }, at }
  await givenEngrams(admin, [late])
  await suite.restart('objectives')
  await eventually(async () => (await tally('killed'))?.state === 'done', {
    what: 'the run is done',
  })

  const values = await valuesOf(admin, 'killed', yesterday)
  expect(values).toHaveLength(OBJECTIVES * EACH)
  expect(values).toContainEqual(expect.objectContaining({ engrams: '100', confidence: 'present' }))
  expect(values).toEqual(await valuesOf(admin, 'whole', yesterday))
})
