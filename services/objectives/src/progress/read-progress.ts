import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type {
  getProgress,
  KeyResultProgress,
  listEvidence,
  listProgressRuns,
} from '@mumega/contracts/progress'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import { invalidDay, progressNotFound } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { describeRun } from './ask-run.ts'
import { isDay, momentIn, windowOf } from './calendar.ts'
import { listFitting } from './evidence.ts'
import { sidesOf } from './formula.ts'
import { findProgress, type StoredProgress } from './progress-repository.ts'
import { findRun, listRunsBefore } from './run-repository.ts'
import { assumptionOf, meanProgress, worstStanding } from './standing.ts'

/** @throws objectives.invalid-day, .progress-not-found */
export async function handleGetProgress(
  { db }: Objectives,
  context: CallContext,
  { objectiveId, day }: RequestOf<typeof getProgress>,
): Promise<ReplyOf<typeof getProgress>> {
  const { tenantId } = context
  checkDay('day', day)
  const found = await readAs(db, context, (trx) =>
    findProgress(trx, { tenantId, objectiveId, day }),
  )
  const [first] = found?.rows ?? []
  if (found === undefined || first === undefined) throw progressNotFound(objectiveId, day)
  const keyResults = found.rows.map(describeProgress)
  const weighted = found.rows.map(({ keyResult: { weight }, progress }) => ({ weight, progress }))
  return {
    ...{ objectiveId, version: first.version, day: found.day, asOf: found.asOf.toISOString() },
    progress: meanProgress(weighted),
    standing: worstStanding(keyResults.map(({ standing }) => standing)),
    keyResults,
  }
}

function describeProgress(stored: StoredProgress): KeyResultProgress {
  const { keyResultId, title, unit, baseline, target, formula } = stored.keyResult
  const { value, progress, confidence, standing, forecast, engrams, newest } = stored
  return {
    ...{ keyResultId, title, unit, baseline, target, formula },
    ...(value !== undefined && { value }),
    ...{ progress, confidence, standing },
    ...(forecast !== undefined && {
      forecast: { value: forecast, assumption: assumptionOf(formula) },
    }),
    engrams: { count: engrams, newest: [...newest] },
    formulasVersion: stored.formulasVersion,
  }
}

/** @throws objectives.invalid-day, .progress-not-found */
export async function handleListEvidence(
  { db }: Objectives,
  context: CallContext,
  query: RequestOf<typeof listEvidence>,
): Promise<ReplyOf<typeof listEvidence>> {
  const { objectiveId, day, keyResultId, limit, after = '0' } = query
  checkDay('day', day)
  const { tenantId } = context
  const found = await readAs(db, context, async (trx) => {
    const progress = await findProgress(trx, { tenantId, objectiveId, day })
    const run = await findRun(trx, { tenantId, day })
    return progress === undefined || run === undefined ? undefined : { ...progress, run }
  })
  const row = found?.rows.find(({ keyResult }) => keyResult.keyResultId === keyResultId)
  if (found === undefined || row === undefined) throw progressNotFound(objectiveId, day)
  const { run, period } = found
  const moment = momentIn(period, run)
  const sides = sidesOf(row.keyResult.formula).map(({ of, measure }) => ({
    ...{ of, measure, window: windowOf(of, moment, run.timeZone) },
  }))
  const page = await listFitting(db, { run, sides, after, limit: limit + 1 })
  const listed = page.slice(0, limit)
  const last = listed.at(-1)
  return {
    engrams: listed.map(({ observedAtMs, tags, measures, ...engram }) => ({
      ...engram,
      tags: [...tags],
      measures: Object.fromEntries(measures),
      observedAt: new Date(observedAtMs).toISOString(),
    })),
    ...(page.length > limit && last !== undefined && { next: last.number }),
  }
}

/** @throws objectives.invalid-day */
function checkDay(field: string, day: string | undefined): void {
  if (day !== undefined && !isDay(day)) throw invalidDay(field)
}

/** @throws objectives.invalid-day */
export async function handleListProgressRuns(
  { db }: Objectives,
  context: CallContext,
  { limit, before }: RequestOf<typeof listProgressRuns>,
): Promise<ReplyOf<typeof listProgressRuns>> {
  checkDay('before', before)
  const query = { tenantId: context.tenantId, before, limit: limit + 1 }
  const found = await readAs(db, context, (trx) => listRunsBefore(trx, query))
  const listed = found.slice(0, limit)
  const last = listed.at(-1)
  return {
    runs: listed.map(describeRun),
    ...(found.length > limit && last !== undefined && { next: last.day }),
  }
}
