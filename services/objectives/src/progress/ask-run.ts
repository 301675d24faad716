import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { COMPUTER, type ProgressRun, type runProgress } from '@mumega/contracts/progress'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, unchanged } from '@mumega/db/act'
import { progressRunText } from '@mumega/tlog/progress-run'
import { invalidSchedule } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { signingKeyOf } from '../principals/check-signature.ts'
import { dayAt, DEFAULT_SCHEDULE } from './calendar.ts'
import { findRun, insertRun, type StoredRun } from './run-repository.ts'
import { findSchedule } from './schedule-repository.ts'

/**
 * Has today computed as of now. LOCK-OBJ-3: whoever may call, only the computer's signature over
 * this very day makes a run, and a day has one.
 *
 * @throws objectives.invalid-schedule, .principal-not-found, .principal-suspended,
 * .signature-invalid
 */
export async function handleRunProgress(
  { db, clock }: Objectives,
  context: CallContext,
  { requestId, day, note }: RequestOf<typeof runProgress>,
): Promise<ReplyOf<typeof runProgress>> {
  const { tenantId, actor } = context
  const request = { requestId, command: 'run-progress', content: { actor, day, note } }
  return act(db, { context, clock, request }, async (trx) => {
    const { timeZone } = (await findSchedule(trx, tenantId)) ?? DEFAULT_SCHEDULE
    const now = clock.now()
    const today = dayAt(now, timeZone)
    if (day !== today)
      throw invalidSchedule('day', `is not today, which is ${today} in ${timeZone}`)
    const text = progressRunText({ principal: COMPUTER, tenant: tenantId, day })
    const key = await signingKeyOf(trx, { principalId: COMPUTER, text, note })
    const asked = { by: COMPUTER, keyNumber: key.number, note }
    const isNew = await insertRun(trx, {
      ...{ tenantId, day, asOf: now, timeZone, skippedDays: 0, createdAt: now, asked },
    })
    const run = await findRun(trx, { tenantId, day })
    if (run === undefined) throw new Error(`the run of ${day} was not found`)
    if (!isNew) return unchanged(describeRun(run))
    return {
      reply: describeRun(run),
      audit: [
        {
          action: 'progress.asked-for',
          target: `progress-run:${day}`,
          // Who brought it is the actor; whose act it is has signed.
          payload: { principal: COMPUTER, note },
        },
      ],
      events: [],
    }
  })
}

export function describeRun(run: StoredRun): ProgressRun {
  const { day, timeZone, state, skippedDays, keyResults, asked, completedAt } = run
  return {
    ...{ day, timeZone, state, skippedDays, keyResults },
    asOf: run.asOf.toISOString(),
    askedBy: asked?.by ?? 'schedule',
    ...(asked !== undefined && { note: asked.note }),
    createdAt: run.createdAt.toISOString(),
    ...(completedAt !== undefined && { completedAt: completedAt.toISOString() }),
  }
}
