import type { EngramSelector, ObjectiveContent } from '@mumega/contracts/objective-content'
import { DateTime, IANAZone } from 'luxon'
import type { Window } from './formula.ts'
import type { Moment } from './standing.ts'

/** When a tenant's days are computed. */
export interface Schedule {
  /** Of the IANA database. */
  readonly timeZone: string
  /** `HH:MM` there. */
  readonly runAt: string
}

export const DEFAULT_SCHEDULE: Schedule = { timeZone: 'UTC', runAt: '02:00' }

/** The zone of that name, in any case; undefined where the IANA database has none. */
export function timeZoneNamed(name: string): string | undefined {
  if (!IANAZone.isValidZone(name)) return undefined
  const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
  // Of a zone with two names it is the older one.
  return timeZone.toLowerCase() === name.toLowerCase() ? timeZone : name
}

export function isDay(day: string): boolean {
  return DateTime.fromISO(day, { zone: 'UTC' }).isValid && day >= '0001'
}

/** The day of the calendar that it is there. */
export function dayAt(at: Date, timeZone: string): string {
  return dayOf(DateTime.fromJSDate(at, { zone: timeZone }))
}

/**
 * When the run of this day is due: where clocks skip that time of day, when they go on; where they
 * come to it twice, at the first.
 */
export function dueAt(day: string, { timeZone, runAt }: Schedule): Date {
  const due = DateTime.fromISO(`${day}T${runAt}`, { zone: timeZone })
  return DateTime.min(due, ...due.getPossibleOffsets()).toJSDate()
}

export function addDays(day: string, days: number): string {
  return dayOf(DateTime.fromISO(day, { zone: 'UTC' }).plus({ days }))
}

/** From the one day to the other; negative when that is before. */
export function daysBetween(from: string, to: string): number {
  const [start, end] = [from, to].map((day) => DateTime.fromISO(day, { zone: 'UTC' })) as [
    DateTime,
    DateTime,
  ]
  return Math.round(end.diff(start, 'days').days)
}

/** The first day from `notBefore` on whose run is due after `at`. */
export function nextDue(
  { at, notBefore }: { at: Date; notBefore?: string | undefined },
  schedule: Schedule,
): { day: string; at: Date } {
  let day = dayAt(at, schedule.timeZone)
  if (notBefore !== undefined && notBefore > day) day = notBefore
  if (dueAt(day, schedule) <= at) day = addDays(day, 1)
  return { day, at: dueAt(day, schedule) }
}

/** A period from its first moment there to the one after its last. */
export function momentIn(
  { from, to }: ObjectiveContent['period'],
  { asOf, timeZone }: { asOf: Date; timeZone: string },
): Moment {
  return {
    startMs: startOf(from, timeZone).toMillis(),
    endMs: startOf(to, timeZone).plus({ days: 1 }).toMillis(),
    nowMs: asOf.getTime(),
  }
}

/** What of the period, or of the last days, a selector looks at. */
export function windowOf(
  { windowDays }: EngramSelector,
  { startMs, endMs, nowMs }: Moment,
  timeZone: string,
): Window {
  const toMs = Math.min(nowMs, endMs)
  if (windowDays === undefined) return { fromMs: startMs, toMs }
  const to = DateTime.fromMillis(toMs, { zone: timeZone })
  return { fromMs: to.minus({ days: windowDays }).toMillis(), toMs }
}

function startOf(day: string, timeZone: string): DateTime {
  return DateTime.fromISO(day, { zone: timeZone }).startOf('day')
}

function dayOf(time: DateTime): string {
  return time.toFormat('yyyy-MM-dd')
}
