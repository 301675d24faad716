import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { listWork, readDrift, type Drift, type WorkState } from '@mumega/contracts/work'
import { systemClock } from '@mumega/config/clock'
import { content } from './given-objectives.ts'
import { unguarded } from './given-progress.ts'
import { agent, startTestObjectives, type TestObjectives } from './given.ts'

const DAY_MS = 86_400_000
const CASES = 40
const OBJECTIVES = 6
const WORK = 60

let objectives: TestObjectives
beforeAll(async () => {
  objectives = await startTestObjectives()
}, 60_000)
afterAll(() => objectives.stop())

/** Numbers that a failing case can be made again from. */
function givenChance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Change {
  readonly objectiveId: string
  readonly version: number
  readonly became: 'proposed' | 'ratified' | 'superseded' | 'retired'
  readonly at: number
  readonly from: string
  readonly to: string
}

interface Item {
  readonly workId: string
  readonly state: WorkState
  readonly objectiveId: string | undefined
  readonly openedAt: number
  readonly closedAt: number | undefined
}

const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)

/** Each version is proposed, then perhaps ratified in the place of the one before, then retired. */
function givenHistory(chance: (below: number) => number, now: number): Change[] {
  return Array.from({ length: OBJECTIVES }, () => randomUUID()).flatMap((objectiveId) => {
    const changes: Change[] = []
    let at = now - 80 * DAY_MS
    let counting: Change | undefined
    for (let version = 1; version <= chance(4); version += 1) {
      at += (1 + chance(20)) * DAY_MS
      const first = at - chance(40) * DAY_MS
      const period = { from: dayOf(first), to: dayOf(first + chance(90) * DAY_MS) }
      changes.push({ objectiveId, version, became: 'proposed', at, ...period })
      if (chance(3) === 0) continue
      at += chance(5) * DAY_MS + 1
      if (counting !== undefined) changes.push({ ...counting, became: 'superseded', at })
      counting = { objectiveId, version, became: 'ratified', at, ...period }
      changes.push(counting)
    }
    if (counting !== undefined && chance(3) === 0) {
      changes.push({ ...counting, became: 'retired', at: at + DAY_MS })
    }
    return changes.filter((change) => change.at < now)
  })
}

function givenWork(
  chance: (below: number) => number,
  { now, ids }: { now: number; ids: readonly string[] },
): Item[] {
  return Array.from({ length: WORK }, (_, nth) => {
    const openedAt = now - (1 + chance(80)) * DAY_MS
    const state = (['open', 'done', 'dropped'] as const)[chance(3)] ?? 'open'
    const closedAt = Math.min(now, openedAt + chance(60) * DAY_MS)
    return {
      ...{ workId: `w-${nth}`, state, openedAt, objectiveId: ids[chance(ids.length + 2)] },
      closedAt: state === 'open' ? undefined : closedAt,
    }
  })
}

/** As the words have it, one piece of work after the other. */
function naiveDrift(item: Item, history: readonly Change[], now: number): Drift | undefined {
  if (item.objectiveId === undefined) return 'untied'
  const at = item.closedAt ?? now
  const last = history
    .filter(({ objectiveId }) => objectiveId === item.objectiveId)
    .filter(({ became }) => became === 'ratified' || became === 'retired')
    .filter((change) => change.at <= at)
    .at(-1)
  if (last === undefined) return 'not-ratified'
  if (last.became === 'retired') return 'retired'
  return dayOf(at) > last.to ? 'over' : undefined
}

function naiveUnattended(
  items: readonly Item[],
  { history, now, since }: { history: readonly Change[]; now: number; since: number },
): string[] {
  const ids = [...new Set(history.map(({ objectiveId }) => objectiveId))]
  return ids.filter((id) => {
    const ofIt = history.filter(({ objectiveId }) => objectiveId === id)
    const last = ofIt.filter(({ became }) => became === 'ratified' || became === 'retired').at(-1)
    if (last?.became !== 'ratified' || last.from > dayOf(now) || last.to < dayOf(now)) return false
    return !items.some(
      ({ objectiveId, state, closedAt = 0 }) =>
        objectiveId === id && (state === 'open' || (state === 'done' && closedAt > since)),
    )
  })
}

async function store(
  tenantId: string,
  history: readonly Change[],
  items: readonly Item[],
): Promise<void> {
  const ids = [...new Set(history.map(({ objectiveId }) => objectiveId))]
  const proposed = history.filter(({ became }) => became === 'proposed')
  await unguarded(objectives.admin, async (trx) => {
    await trx.batchInsert(
      'objectives',
      ids.map((id) => ({ tenant_id: tenantId, objective_id: id, newest_version: 3 })),
    )
    await trx.batchInsert(
      'objective_versions',
      proposed.map(({ objectiveId, version, from, to }) => ({
        ...{ tenant_id: tenantId, objective_id: objectiveId, version, state: 'superseded' },
        ...{ content: Buffer.from(JSON.stringify(content({ period: { from, to } }))) },
        ...{ owner: 'kasra', tags: [], created_at: new Date(), created_by: 'agent:kasra' },
      })),
    )
    await trx.batchInsert(
      'objective_changes',
      history.map(({ objectiveId, version, became, at }) => ({
        ...{ tenant_id: tenantId, objective_id: objectiveId, version, became },
        ...{ changed_by: 'agent:kasra', changed_at: new Date(at) },
      })),
    )
    await trx.batchInsert(
      'work_items',
      items.map(({ workId, state, objectiveId, openedAt, closedAt }) => ({
        ...{ tenant_id: tenantId, kind: 'task', work_id: workId, title: 'Work', state },
        ...{ objective_id: objectiveId ?? null, opened_at: new Date(openedAt) },
        ...{ opened_by: 'agent:kasra', changed_by: 'agent:kasra' },
        changed_at: new Date(closedAt ?? openedAt),
        closed_at: closedAt === undefined ? null : new Date(closedAt),
      })),
    )
  })
}

test(`what drifts, why, and what nobody works for are as counted one by one, ${CASES} times`, async () => {
  for (let seed = 1; seed <= CASES; seed += 1) {
    const chance = givenChance(seed)
    const tenantId = `t-${randomUUID()}`
    // The days are those of UTC, and none ends between here and there.
    const now = systemClock.now().getTime()
    const history = givenHistory(chance, now)
    const ids = [...new Set(history.map(({ objectiveId }) => objectiveId))]
    const items = givenWork(chance, { now, ids })
    await store(tenantId, history, items)

    const asked = agent('kasra', tenantId)
    const { work } = await objectives.call(asked, listWork, { limit: 200 })
    const days = 1 + chance(60)
    const report = await objectives.call(asked, readDrift, { days })

    const drifts = new Map(items.map((item) => [item.workId, naiveDrift(item, history, now)]))
    const told = new Map(work.map(({ workId, drift }) => [workId, drift]))
    expect({ seed, drifts: [...told].sort() }).toEqual({ seed, drifts: [...drifts].sort() })
    const since = Date.parse(report.asOf) - days * DAY_MS
    for (const part of ['open', 'closed'] as const) {
      const counted = items.filter(({ state, closedAt = 0 }) =>
        part === 'open' ? state === 'open' : state !== 'open' && closedAt > since,
      )
      const reasons = { untied: 0, 'not-ratified': 0, retired: 0, over: 0 }
      for (const { workId } of counted) {
        const drift = drifts.get(workId)
        if (drift !== undefined) reasons[drift] += 1
      }
      const drifting = Object.values(reasons).reduce((sum, count) => sum + count, 0)
      expect({ seed, ...report[part] }).toEqual({ seed, all: counted.length, drifting, reasons })
    }
    const unattended = report.unattended.map(({ objectiveId }) => objectiveId).sort()
    expect({ seed, unattended }).toEqual({
      ...{ seed, unattended: naiveUnattended(items, { history, now, since }).sort() },
    })
  }
})
