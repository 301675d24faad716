import { expect, test } from '@jest/globals'
import {
  addDays,
  dayAt,
  daysBetween,
  dueAt,
  momentIn,
  nextDue,
  timeZoneNamed,
  windowOf,
} from './calendar.ts'

const BERLIN = { timeZone: 'Europe/Berlin', runAt: '02:30' }
const utc = (text: string) => new Date(`${text}.000Z`)

test('a day is due once, at its time there, also when clocks are changed', () => {
  expect(dueAt('2026-10-24', BERLIN)).toEqual(utc('2026-10-24T00:30:00'))
  // 02:30 comes twice that night: the first counts.
  expect(dueAt('2026-10-25', BERLIN)).toEqual(utc('2026-10-25T00:30:00'))
  expect(dueAt('2026-10-26', BERLIN)).toEqual(utc('2026-10-26T01:30:00'))
  // And does not come that night.
  expect(dueAt('2027-03-28', BERLIN)).toEqual(utc('2027-03-28T01:30:00'))
})

test('which day it is, and which one is due next, depends on where', () => {
  const late = utc('2026-11-20T23:30:00')

  expect(dayAt(late, 'UTC')).toBe('2026-11-20')
  expect(dayAt(late, 'Europe/Berlin')).toBe('2026-11-21')
  expect(dayAt(late, 'Pacific/Kiritimati')).toBe('2026-11-21')
  expect(nextDue({ at: late }, BERLIN)).toEqual({
    day: '2026-11-21',
    at: utc('2026-11-21T01:30:00'),
  })
  expect(nextDue({ at: utc('2026-11-21T01:30:00') }, BERLIN).day).toBe('2026-11-22')
  expect(nextDue({ at: late, notBefore: '2026-12-24' }, BERLIN).day).toBe('2026-12-24')
  expect(nextDue({ at: late, notBefore: '2026-01-01' }, BERLIN).day).toBe('2026-11-21')
})

test('days are counted by the calendar', () => {
  expect(addDays('2026-12-31', 1)).toBe('2027-01-01')
  expect(addDays('2028-03-01', -1)).toBe('2028-02-29')
  expect(daysBetween('2026-10-20', '2026-10-31')).toBe(11)
  expect(daysBetween('2026-10-31', '2026-10-20')).toBe(-11)
})

test('a period is whole days there, and a window ends with it', () => {
  const period = { from: '2026-10-01', to: '2026-10-31' }
  const timeZone = 'Europe/Berlin'
  const during = momentIn(period, { asOf: utc('2026-10-26T12:00:00'), timeZone })
  const after = momentIn(period, { asOf: utc('2026-11-20T12:00:00'), timeZone })

  expect(new Date(during.startMs)).toEqual(utc('2026-09-30T22:00:00'))
  expect(new Date(during.endMs)).toEqual(utc('2026-10-31T23:00:00'))
  expect(windowOf({}, during, timeZone)).toEqual({ fromMs: during.startMs, toMs: during.nowMs })
  expect(windowOf({}, after, timeZone)).toEqual({ fromMs: after.startMs, toMs: after.endMs })
  // A day of 25 hours among them.
  const week = windowOf({ windowDays: 7 }, during, timeZone)
  expect(new Date(week.fromMs)).toEqual(utc('2026-10-19T11:00:00'))
})

test('only names of the database are time zones, in any case', () => {
  for (const name of ['Europe/Berlin', 'UTC', 'America/Argentina/Ushuaia', 'Asia/Kolkata']) {
    expect(timeZoneNamed(name)).toBe(name)
  }
  expect(timeZoneNamed('europe/berlin')).toBe('Europe/Berlin')
  for (const name of ['Berlin', '', 'Europe/Nowhere', '+01:00']) {
    expect(timeZoneNamed(name)).toBeUndefined()
  }
})
