import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { getProgressSchedule, setProgressSchedule } from '@mumega/contracts/progress'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, readAs } from '@mumega/db/act'
import { invalidSchedule } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import {
  addDays,
  dayAt,
  DEFAULT_SCHEDULE,
  dueAt,
  nextDue,
  type Schedule,
  timeZoneNamed,
} from './calendar.ts'
import { addSchedule, findSchedule, lockSchedule, putSchedule } from './schedule-repository.ts'

/** From its first objective that counts on, a tenant's days are computed. */
export async function startSchedule(
  trx: Knex.Transaction,
  { tenantId, at }: { tenantId: string; at: Date },
): Promise<void> {
  const next = nextDue({ at }, DEFAULT_SCHEDULE)
  await addSchedule(trx, { tenantId, ...DEFAULT_SCHEDULE, nextDay: next.day, nextRunAt: next.at })
}

export async function handleGetProgressSchedule(
  { db, clock }: Objectives,
  context: CallContext,
): Promise<ReplyOf<typeof getProgressSchedule>> {
  const { tenantId } = context
  const stored = await readAs(db, context, (trx) => findSchedule(trx, tenantId))
  const schedule = stored ?? DEFAULT_SCHEDULE
  const now = clock.now()
  return described(schedule, {
    now,
    nextRunAt: stored?.nextRunAt ?? nextDue({ at: now }, schedule).at,
  })
}

/** @throws objectives.invalid-schedule */
export async function handleSetProgressSchedule(
  { db, clock }: Objectives,
  context: CallContext,
  { requestId, timeZone: named, runAt }: RequestOf<typeof setProgressSchedule>,
): Promise<ReplyOf<typeof setProgressSchedule>> {
  const timeZone = timeZoneNamed(named)
  if (timeZone === undefined) {
    throw invalidSchedule('timeZone', 'is no time zone of the IANA database, as Europe/Berlin')
  }
  const { tenantId } = context
  const content = { timeZone, runAt }
  const request = { requestId, command: 'set-progress-schedule', content }
  return act(db, { context, clock, request }, async (trx) => {
    const now = clock.now()
    // So that two at once come one after the other also where there is none yet.
    await startSchedule(trx, { tenantId, at: now })
    const before = await lockSchedule(trx, tenantId)
    const today = dayAt(now, timeZone)
    // No day is left out, also one that is due at once. After a clock that was wrong it goes on
    // today: a day that has its run gets no other one.
    const known = before?.nextDay ?? today
    const nextDay = known > addDays(today, 1) ? today : known
    const nextRunAt = dueAt(nextDay, content)
    await putSchedule(trx, { tenantId, ...content, nextDay, nextRunAt })
    const reply = described(content, { now, nextRunAt })
    return {
      reply,
      audit: [
        {
          action: 'progress.scheduled',
          target: `progress-schedule:${tenantId}`,
          payload: { timeZone, runAt, nextRunAt: reply.nextRunAt },
        },
      ],
      events: [],
    }
  })
}

function described(
  { timeZone, runAt }: Schedule,
  { now, nextRunAt }: { now: Date; nextRunAt: Date },
): ReplyOf<typeof getProgressSchedule> {
  return { timeZone, runAt, today: dayAt(now, timeZone), nextRunAt: nextRunAt.toISOString() }
}
