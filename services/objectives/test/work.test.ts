import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { RequestOf } from '@mumega/contracts/define'
import type { Objective } from '@mumega/contracts/objectives'
import { getWork, listWork, putWork, readDrift } from '@mumega/contracts/work'
import { noteOn, stepsOf } from './given-objectives.ts'
import { signer, SIGNERS, unguarded } from './given-progress.ts'
import { agent, intentsOf, refusal, startTestObjectives, type TestObjectives } from './given.ts'

let objectives: TestObjectives
beforeAll(async () => {
  objectives = await startTestObjectives(SIGNERS)
}, 60_000)
afterAll(() => objectives.stop())

type Put = Partial<RequestOf<typeof putWork>>

/** What an agent of a tenant of its own does. */
function given(tenantId = `t-${randomUUID()}`) {
  const kasra = agent('kasra', tenantId)
  const steps = stepsOf(objectives, kasra)
  const { call } = objectives
  const athena = signer(objectives, 'agent.athena')
  const noteFor = (objective: Objective, decision: 'ratify' | 'retire') =>
    noteOn(objective, athena, {
      ...{ tenant: tenantId, decision },
      ...(decision === 'retire' && { reason: 'It has served.' }),
    })
  const ratify = (objective: Objective) =>
    steps.decide(objective, { decision: 'ratify', note: noteFor(objective, 'ratify') })
  return {
    ...{ tenantId, steps, ratify },
    put: (changes: Put = {}, by = 'kasra') =>
      call(agent(by, tenantId), putWork, {
        ...{ requestId: randomUUID(), kind: 'task', workId: 'T-1', title: 'Call them' },
        ...{ state: 'open', ...changes },
      }),
    get: (workId: string) => call(kasra, getWork, { kind: 'task', workId }),
    list: (query: Partial<RequestOf<typeof listWork>> = {}) =>
      call(kasra, listWork, { limit: 50, ...query }),
    drift: (days = 30) => call(kasra, readDrift, { days }),
    async ratified(changes: Parameters<typeof steps.draft>[0] = {}) {
      const period = { from: '2026-01-01', to: '2126-12-31' }
      return ratify(await steps.proposed({ period, ...changes }))
    },
    retire: (objective: Objective) =>
      steps.decide(objective, {
        ...{ decision: 'retire', reason: 'It has served.' },
        note: noteFor(objective, 'retire'),
      }),
  }
}

test('work drifts that is tied to nothing, or to nothing that counts, and the reason is told', async () => {
  const { put, steps, ratified, retire, list, drift } = given()
  const counted = await ratified()
  const drafted = await steps.draft()
  const retired = await retire(await ratified())
  const past = await ratified({ period: { from: '2026-01-01', to: '2026-01-31' } })
  const ahead = await ratified({ period: { from: '2126-01-01', to: '2126-01-31' } })

  const tie = (workId: string, { objectiveId }: Objective) => put({ workId, objectiveId })
  expect((await tie('on-course', counted)).drift).toBeUndefined()
  expect((await tie('ahead', ahead)).drift).toBeUndefined()
  expect((await put({ workId: 'alone' })).drift).toBe('untied')
  expect((await tie('early', drafted)).drift).toBe('not-ratified')
  expect((await tie('ended', retired)).drift).toBe('retired')
  expect((await tie('late', past)).drift).toBe('over')
  const { work } = await list({ drifting: true })
  expect(work.map(({ workId }) => workId)).toEqual(['alone', 'early', 'ended', 'late'])
  const others = await list({ drifting: false })
  expect(others.work.map(({ workId }) => workId)).toEqual(['ahead', 'on-course'])
  expect((await drift()).open).toEqual({
    ...{ all: 6, drifting: 4 },
    reasons: { untied: 1, 'not-ratified': 1, retired: 1, over: 1 },
  })
})

test('another version counts once it is ratified, and not while it is proposed', async () => {
  const { put, steps, ratified, ratify, get } = given()
  const first = await ratified()
  await put({ workId: 'w', objectiveId: first.objectiveId })
  const over = { from: '2026-01-01', to: '2026-01-31' }
  const proposed = await steps.propose(await steps.edit(first, { period: over }))
  expect((await get('w')).drift).toBeUndefined()
  await ratify(proposed)
  expect((await get('w')).drift).toBe('over')
})

test('what has ended is judged by what counted when it ended, whatever came of it later', async () => {
  const { put, ratified, ratify, retire, steps, get, drift } = given()
  const objective = await ratified()
  const { objectiveId } = objective
  const done = { state: 'done' as const, objectiveId }
  await put({ workId: 'before', ...done })
  await retire(objective)
  await put({ workId: 'after', ...done })
  const proposed = await steps.proposed({ period: { from: '2026-01-01', to: '2126-12-31' } })
  await put({ workId: 'too-early', state: 'dropped', objectiveId: proposed.objectiveId })
  await ratify(proposed)

  expect((await get('before')).drift).toBeUndefined()
  expect((await get('after')).drift).toBe('retired')
  expect((await get('too-early')).drift).toBe('not-ratified')
  const { open, closed } = await drift()
  expect(open.all).toBe(0)
  expect(closed).toMatchObject({ all: 3, drifting: 2 })
})

test('a day is one of the tenant’s: what ends after midnight there ends too late', async () => {
  const { put, ratified, get, tenantId } = given()
  const { objectiveId } = await ratified({ period: { from: '2026-01-01', to: '2026-06-30' } })
  await put({ workId: 'w', state: 'done', objectiveId })
  const { admin } = objectives
  const ended = '2026-06-30T23:30:00Z'
  await unguarded(admin, async (trx) => {
    await trx('work_items')
      .where({ tenant_id: tenantId })
      .update({ opened_at: ended, changed_at: ended, closed_at: ended })
    await trx('objective_changes')
      .where({ tenant_id: tenantId })
      .update({ changed_at: '2026-01-01T00:00:00Z' })
  })
  expect((await get('w')).drift).toBeUndefined()
  const zone = { time_zone: 'Asia/Tokyo' }
  await unguarded(admin, (trx) =>
    trx('progress_schedules').where({ tenant_id: tenantId }).update(zone),
  )
  expect((await get('w')).drift).toBe('over')
})

test('who says again what is on record changes nothing, and one request is one act', async () => {
  const { put, get, tenantId } = given()
  const requestId = randomUUID()
  const workId = `same-${tenantId}`
  const first = await put({ requestId, workId })
  const before = await intentsOf(objectives)
  const again = await put({ requestId, workId })
  const others = await put({ workId }, 'loom')
  expect(again).toEqual(first)
  expect(others).toEqual(first)
  expect(first.openedBy).toBe('agent:kasra')
  expect(await intentsOf(objectives)).toBe(before)
  const changed = await put({ workId, title: 'Call them twice' }, 'loom')
  expect(changed).toMatchObject({ openedBy: 'agent:kasra', changedBy: 'agent:loom' })
  expect(changed.openedAt).toBe(first.openedAt)
  expect(await get(workId)).toEqual(changed)
  expect((await refusal(put({ requestId, workId, title: 'Other' }))).code).toBe(
    'db.request-id-reused',
  )
  expect(await intentsOf(objectives)).toBe(before + 1)
})

test('work that is opened again is open, and what ended stays ended since then', async () => {
  const { put } = given()
  await put()
  const done = await put({ state: 'done' })
  const renamed = await put({ state: 'done', title: 'Called them' })
  expect(renamed.closedAt).toBe(done.closedAt)
  const opened = await put()
  expect(opened).toMatchObject({ state: 'open', openedAt: done.openedAt })
  expect(opened.closedAt).toBeUndefined()
})

test('of many at once each says all of the work: what is on record is of one of them', async () => {
  const { put, get, list } = given()
  const titles = Array.from({ length: 8 }, (_, nth) => `Said by ${nth}`)
  await Promise.all(titles.map((title, nth) => put({ title }, `agent-${nth}`)))
  const { title, changedBy } = await get('T-1')
  expect(changedBy).toBe(`agent:agent-${titles.indexOf(title)}`)
  expect((await list()).work).toHaveLength(1)
})

test('a tenant has so much open work, also when two open the last at once', async () => {
  const { put, tenantId, drift } = given()
  await unguarded(objectives.admin, (trx) =>
    trx.raw(
      `insert into work_items (tenant_id, kind, work_id, title, state, opened_at, opened_by,
                               changed_at, changed_by)
       select ?, 'task', 'w-' || n, 'Work', 'open', now(), 'agent:kasra', now(), 'agent:kasra'
         from generate_series(1, 9999) n`,
      [tenantId],
    ),
  )
  const two = await Promise.allSettled([put({ workId: 'a' }), put({ workId: 'b' })])
  expect(two.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(await refusal(put({ workId: 'c' }))).toEqual({
    ...{ code: 'objectives.too-much-work', details: { limit: 10_000 } },
  })
  await put({ workId: 'w-1', state: 'done' })
  await put({ workId: 'c' })
  expect((await refusal(put({ workId: 'w-1' }))).code).toBe('objectives.too-much-work')
  // Whoever only says more of what is open needs no room.
  await put({ workId: 'w-2', title: 'Work on' })
  expect((await drift()).open.all).toBe(10_000)
})

test.each([
  ['a control character', { title: 'a\u0000b' }, 'objectives.invalid-text'],
  ['801 bytes', { title: 'x'.repeat(801) }, 'objectives.text-too-large'],
  [
    'an objective that is not there',
    { objectiveId: randomUUID() },
    'objectives.objective-not-found',
  ],
])('nothing is on record of work with %s', async (_, changes, code) => {
  const { put, get } = given()
  expect((await refusal(put(changes))).code).toBe(code)
  expect((await refusal(get('T-1'))).code).toBe('objectives.work-not-found')
})

test('a tenant sees and names its own only', async () => {
  const [ours, theirs] = [given(), given()]
  const { objectiveId } = await theirs.ratified()
  await theirs.put({ objectiveId })
  expect((await refusal(ours.put({ objectiveId }))).code).toBe('objectives.objective-not-found')
  expect((await refusal(ours.get('T-1'))).code).toBe('objectives.work-not-found')
  expect((await ours.list()).work).toEqual([])
  const { open, unattended } = await ours.drift()
  expect({ all: open.all, unattended }).toEqual({ all: 0, unattended: [] })
  const rows = await objectives.db('work_items').select()
  expect(rows).toEqual([])
})

test('an objective is unattended while nobody works for it or for what is below it', async () => {
  const { put, ratified, steps, drift } = given()
  const root = await ratified({ title: 'Root' })
  const middle = await ratified({ title: 'Middle', parentId: root.objectiveId })
  const leaf = await ratified({ title: 'Leaf', parentId: middle.objectiveId })
  await ratified({ title: 'Beside' })
  await ratified({ title: 'Ended', period: { from: '2026-01-01', to: '2026-01-31' } })
  await ratified({ title: 'To come', period: { from: '2126-01-01', to: '2126-01-31' } })
  await steps.draft({ title: 'Drafted' })
  const titles = async () => (await drift()).unattended.map(({ title }) => title)

  expect(await titles()).toEqual(['Root', 'Middle', 'Leaf', 'Beside'])
  await put({ objectiveId: middle.objectiveId })
  expect(await titles()).toEqual(['Leaf', 'Beside'])
  await put({ objectiveId: leaf.objectiveId, state: 'done' })
  expect(await titles()).toEqual(['Beside'])
  await put({ objectiveId: leaf.objectiveId, state: 'dropped' })
  expect(await drift()).toMatchObject({ unattendedCount: 4 })
})

test('what was done for an objective that is retired since was done for what is above it', async () => {
  const { put, ratified, retire, drift } = given()
  const top = await ratified({ title: 'Top' })
  const middle = await ratified({ title: 'Middle', parentId: top.objectiveId })
  const low = await ratified({ title: 'Low', parentId: middle.objectiveId })
  await put({ objectiveId: low.objectiveId, state: 'done' })
  await retire(middle)
  await retire(low)
  expect((await drift()).unattended).toEqual([])
})

test('a list goes through all in order, page by page, by each condition', async () => {
  const { put, list, ratified } = given()
  const { objectiveId } = await ratified()
  for (const [nth, kind] of (['task', 'fleet', 'task', 'fleet', 'task'] as const).entries()) {
    const tie = nth % 2 === 0 && { objectiveId }
    await put({ kind, workId: `w:${nth}`, state: nth === 4 ? 'done' : 'open', ...tie })
  }
  const idsOf = ({ work }: { work: { kind: string; workId: string }[] }) =>
    work.map(({ kind, workId }) => `${kind}/${workId}`)
  const all = ['fleet/w:1', 'fleet/w:3', 'task/w:0', 'task/w:2', 'task/w:4']
  expect(idsOf(await list())).toEqual(all)
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = await list({ limit: 2, ...(after !== undefined && { after }) })
    seen.push(...idsOf(page))
    after = page.next
  } while (after !== undefined)
  expect(seen).toEqual(all)
  expect(idsOf(await list({ kind: 'fleet' }))).toEqual(all.slice(0, 2))
  expect(idsOf(await list({ state: 'done' }))).toEqual(['task/w:4'])
  expect(idsOf(await list({ objectiveId }))).toEqual(all.slice(2))
  expect(idsOf(await list({ drifting: true, kind: 'task' }))).toEqual([])
})
