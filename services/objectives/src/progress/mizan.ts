import { every, type Repeating } from '@mumega/config/every'
import { CATCH_UP_DAYS_MAX } from '@mumega/contracts/progress'
import { act, readAs, unchanged } from '@mumega/db/act'
import { tryAdvisoryLock } from '@mumega/db/advisory-lock'
import { logger } from '@mumega/telemetry'
import { OBJECTIVES_CONTEXT } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { addDays, dayAt, daysBetween, dueAt, nextDue } from './calendar.ts'
import { computeRun } from './compute-run.ts'
import { insertRun, listOpenRuns, type RunKey } from './run-repository.ts'
import { listDue, lockSchedule, putSchedule } from './schedule-repository.ts'

/** Of the system's time. */
const LOOK_EVERY_MS = 5_000
/** However fast the system's time runs. */
const LOOK_EVERY_REAL_MS_MIN = 100
const TENANTS_MAX = 100

/**
 * Looks again and again for days that are due and for runs under way, and computes them, until it
 * is stopped. Any number of processes may do so at once: a day has one run, and a run one process.
 */
export function startMizan(objectives: Objectives): Repeating {
  const log = logger('objectives')
  const ms = Math.max(objectives.clock.realMs(LOOK_EVERY_MS), LOOK_EVERY_REAL_MS_MIN)
  return every(ms, async (signal) => {
    try {
      await lookOnce(objectives, signal)
    } catch (error) {
      log.warn({ error }, 'progress-not-computed')
    }
  })
}

/**
 * Begins the runs that are due, then works on all that are under way. What fails for one tenant is
 * told, and tried again the next time: the others have their days meanwhile.
 */
export async function lookOnce(objectives: Objectives, signal: AbortSignal): Promise<void> {
  await addDueRuns(objectives)
  for (let worked = true; worked && !signal.aborted;) {
    worked = false
    for await (const key of openRuns(objectives)) {
      if (signal.aborted) return
      const done = await guarded(key, () => computeAlone(objectives, key, signal))
      // A tenant's next day, where several were missed.
      if (done === true) worked = true
    }
  }
}

/** The oldest run under way of each tenant. */
async function* openRuns({ db }: Clocked): AsyncGenerator<RunKey> {
  for (let after = ''; ;) {
    const page = await readAs(db, OBJECTIVES_CONTEXT, (trx) =>
      listOpenRuns(trx, { after, limit: TENANTS_MAX }),
    )
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < TENANTS_MAX) return
    after = last.tenantId
  }
}

/** Undefined where it failed. */
async function guarded<Result>(
  whose: { tenantId: string },
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work()
  } catch (error) {
    logger('objectives').warn({ error, ...whose }, 'progress-not-computed')
    return undefined
  }
}

type Clocked = Pick<Objectives, 'db' | 'clock'>

async function addDueRuns({ db, clock }: Clocked): Promise<void> {
  const due = await readAs(db, OBJECTIVES_CONTEXT, (trx) =>
    listDue(trx, { now: clock.now(), limit: TENANTS_MAX }),
  )
  for (const tenantId of due) {
    await guarded({ tenantId }, () => addRunsOf({ db, clock }, tenantId))
  }
}

/** Every day that is due gets its run; of too many the latest. */
async function addRunsOf({ db, clock }: Clocked, tenantId: string): Promise<void> {
  const context = { ...OBJECTIVES_CONTEXT, tenantId }
  await act(db, { context, clock }, async (trx) => {
    const now = clock.now()
    const schedule = await lockSchedule(trx, tenantId)
    if (schedule === undefined || schedule.nextRunAt > now) return unchanged(undefined)
    const { timeZone } = schedule
    const today = dayAt(now, timeZone)
    const last = dueAt(today, schedule) <= now ? today : addDays(today, -1)
    const missed = daysBetween(schedule.nextDay, last) + 1
    const skippedDays = Math.max(missed - CATCH_UP_DAYS_MAX, 0)
    const added: string[] = []
    for (let nth = skippedDays; nth < missed; nth += 1) {
      const day = addDays(schedule.nextDay, nth)
      const isAdded = await insertRun(trx, {
        ...{ tenantId, day, asOf: dueAt(day, schedule), timeZone, createdAt: now },
        skippedDays: nth === skippedDays ? skippedDays : 0,
      })
      // It was asked for, and is there.
      if (isAdded) added.push(day)
    }
    const next = nextDue({ at: now, notBefore: addDays(last, 1) }, schedule)
    await putSchedule(trx, { ...schedule, nextDay: next.day, nextRunAt: next.at })
    return {
      reply: undefined,
      audit: [
        {
          action: 'progress.due',
          target: `progress-schedule:${tenantId}`,
          payload: { days: added, skippedDays },
        },
      ],
      events: [],
    }
  })
}

/** False where another process is at it. */
async function computeAlone(
  objectives: Objectives,
  key: RunKey,
  stopped: AbortSignal,
): Promise<boolean> {
  const lost = new AbortController()
  const name = `progress ${key.tenantId} ${key.day}`
  const lock = await tryAdvisoryLock(
    objectives.db,
    () => {
      lost.abort()
    },
    name,
  )
  if (lock === undefined) return false
  try {
    await computeRun(objectives, key, AbortSignal.any([stopped, lost.signal]))
    return true
  } finally {
    await lock.end()
  }
}
