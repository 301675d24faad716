import { createHash } from 'node:crypto'
import { progressComputed, standingChanged } from '@mumega/contracts/progress'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, readAs, unchanged } from '@mumega/db/act'
import { canonicalJson } from '@mumega/tlog/canonical'
import { takeEngramLock } from '../engrams/engram-lock.ts'
import { OBJECTIVES_CONTEXT } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { momentIn, windowOf } from './calendar.ts'
import { openPage } from './engram-page.ts'
import {
  kindsOf,
  openFormula,
  sourceOf,
  type Computation,
  type Selection,
  type Tallies,
} from './formula.ts'
import { highestNumber, isFull, listObserved } from './observed-engrams.ts'
import {
  insertPending,
  listPending,
  standingsBefore,
  storeResults,
  type Pending,
  type Result,
} from './progress-repository.ts'
import {
  findCutoff,
  findRun,
  insertCutoff,
  lockRun,
  markBegun,
  markDone,
  type RunKey,
  type StoredRun,
} from './run-repository.ts'
import { judge, type Moment } from './standing.ts'
import { takeInTurns } from './take-in-turns.ts'

/** Key results computed in one pass over the engrams, and stored together. */
const BATCH = 1_000

/**
 * Computes what a run still has to compute. LOCK-OBJ-3: which key results it is about, as of when,
 * and up to which engram it looks is on record before the first value, so that whoever goes on
 * after a crash comes to the same figures. One at a time per run; two would only do the work twice.
 */
export async function computeRun(
  objectives: Objectives,
  key: RunKey,
  signal: AbortSignal,
): Promise<void> {
  const run = await beginRun(objectives, key)
  while (!signal.aborted) {
    const pending = await readAs(objectives.db, contextOf(run), (trx) =>
      listPending(trx, { ...key, limit: BATCH }),
    )
    if (pending.length === 0) return endRun(objectives, run)
    const results = await computeBatch(objectives, run, { pending, signal })
    if (results !== undefined) await store(objectives, run, results)
  }
}

async function beginRun({ db, clock }: Objectives, key: RunKey): Promise<StoredRun> {
  const context = contextOf(key)
  return act(db, { context, clock }, async (trx) => {
    const run = await lockRun(trx, key)
    if (run === undefined) throw new Error(`there is no run of ${key.day}`)
    if (run.begunAt !== undefined) return unchanged(run)
    const at = clock.now()
    await insertPending(trx, run)
    await markBegun(trx, { ...key, at })
    const begun = (await findRun(trx, key)) ?? run
    return {
      reply: begun,
      audit: [
        {
          action: 'progress.begun',
          target: `progress-run:${key.day}`,
          payload: { asOf: run.asOf.toISOString(), keyResults: begun.keyResults },
        },
      ],
      events: [],
    }
  })
}

async function endRun({ db, clock }: Objectives, run: StoredRun): Promise<void> {
  const { tenantId, day } = run
  await act(db, { context: contextOf(run), clock }, async (trx) => {
    const locked = await lockRun(trx, run)
    if (locked?.state !== 'running') return unchanged(undefined)
    await markDone(trx, { tenantId, day, at: clock.now() })
    const { keyResults } = locked
    return {
      reply: undefined,
      audit: [
        { action: 'progress.computed', target: `progress-run:${day}`, payload: { keyResults } },
      ],
      events: [outgoing(progressComputed, { tenantId, day, keyResults })],
    }
  })
}

interface Work extends Pending {
  readonly moment: Moment
  readonly computation: Computation
}

/** Undefined when it was told to stop. */
async function computeBatch(
  objectives: Objectives,
  run: StoredRun,
  { pending, signal }: { pending: readonly Pending[]; signal: AbortSignal },
): Promise<Result[] | undefined> {
  const { asOf, timeZone } = run
  const tallies: Tallies = new Map()
  const works = pending.map((one): Work => {
    const moment = momentIn(one.period, { asOf, timeZone })
    const window = (selector: Parameters<typeof windowOf>[0]) =>
      windowOf(selector, moment, timeZone)
    return { ...one, moment, computation: openFormula(one.keyResult, window, tallies) }
  })
  const selections = [...new Set(works.flatMap(({ computation }) => computation.selections))]
  // All sides of a selection look at engrams of one tenant.
  const sourceFor = ({ sides }: Selection) => sourceOf(run.tenantId, sides[0]?.of ?? {})
  for (const source of new Set(selections.map(sourceFor))) {
    const cutoff = await cutoffOf(objectives, run, source)
    const ofSource = selections.filter((selection) => sourceFor(selection) === source)
    const isWhole = await readAll(objectives, { run, source, cutoff, signal }, ofSource)
    if (!isWhole) return undefined
  }
  return works.map(({ objectiveId, keyResult, moment, computation }) => {
    const computed = computation.result()
    const judged = judge(keyResult, computed, moment)
    const { newestAtMs: _, ...stored } = computed
    return { objectiveId, keyResultId: keyResult.keyResultId, ...stored, ...judged }
  })
}

/** Up to which engram of `source` the run looks: the same whenever it is asked again. */
async function cutoffOf(
  { db, clock }: Objectives,
  run: StoredRun,
  source: string,
): Promise<string> {
  const key = { tenantId: run.tenantId, day: run.day, source }
  const context = contextOf(run)
  const known = await readAs(db, context, (trx) => findCutoff(trx, key))
  if (known !== undefined) return known
  // As its own tenant, whose engrams these are. Not read-only: it takes a lock.
  const number = await act(db, { context: contextOf({ tenantId: source }), clock }, async (trx) => {
    await takeEngramLock(trx, source)
    return unchanged(await highestNumber(trx, source))
  })
  return act(db, { context, clock }, async (trx) => {
    await insertCutoff(trx, { ...key, number })
    return unchanged((await findCutoff(trx, key)) ?? number)
  })
}

interface Reading {
  readonly run: StoredRun
  readonly source: string
  readonly cutoff: string
  readonly signal: AbortSignal
}

/** Gives every engram that may fit to the selections, page by page. False when told to stop. */
async function readAll(
  { db }: Objectives,
  { run, source, cutoff, signal }: Reading,
  selections: readonly Selection[],
): Promise<boolean> {
  const sides = selections.flatMap((selection) => selection.sides)
  const query = {
    ...{ tenantId: source, cutoff, asOf: run.asOf },
    fromMs: Math.min(...sides.map(({ window }) => window.fromMs)),
    toMs: Math.max(...sides.map(({ window }) => window.toMs)),
    kinds: kindsOf(sides),
  }
  let after = '0'
  for (;;) {
    if (signal.aborted) return false
    const page = await readAs(db, contextOf({ tenantId: source }), (trx) =>
      listObserved(trx, query, { after }),
    )
    const pageOf = openPage(page)
    await takeInTurns(selections, (selection) => {
      selection.take(pageOf(selection.kinds))
    })
    const last = page.at(-1)
    if (last === undefined || !isFull(page)) return true
    after = last.number
  }
}

async function store(
  { db, clock }: Objectives,
  run: StoredRun,
  results: readonly Result[],
): Promise<void> {
  const { tenantId, day } = run
  await act(db, { context: contextOf(run), clock }, async (trx) => {
    const locked = await lockRun(trx, run)
    if (locked?.state !== 'running') return unchanged(undefined)
    const objectiveIds = [...new Set(results.map(({ objectiveId }) => objectiveId))]
    const before = await standingsBefore(trx, run, objectiveIds)
    const stored = await storeResults(trx, { tenantId, day, at: clock.now() }, results)
    // Another process had the run in between: what it stored is the same.
    if (stored === 0) return unchanged(undefined)
    const values = createHash('sha256').update(canonicalJson(results)).digest('hex')
    return {
      reply: undefined,
      audit: [
        {
          action: 'progress.stored',
          target: `progress-run:${day}`,
          payload: { keyResults: stored, valuesSha256: values },
        },
      ],
      events: results.flatMap(({ objectiveId, keyResultId, standing: to }) => {
        const from = before.get(`${objectiveId} ${keyResultId}`)
        if (from === to) return []
        const changed = { tenantId, day, objectiveId, keyResultId, to }
        return [outgoing(standingChanged, { ...changed, ...(from !== undefined && { from }) })]
      }),
    }
  })
}

/** The service's own act, in the tenant's chain. */
function contextOf({ tenantId }: { tenantId: string }): CallContext {
  return { ...OBJECTIVES_CONTEXT, tenantId }
}
