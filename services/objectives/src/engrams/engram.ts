import {
  ENGRAM_TEXT_BYTES_MAX,
  OBSERVED_AHEAD_MS_MAX,
  type EngramContent,
} from '@mumega/contracts/engrams'
import type { Circle } from '@mumega/contracts/gateway'
import { isCalendarTime } from '@mumega/contracts/scalars'
import { invalidEngram } from '../errors.ts'
import { checkText } from '../text.ts'

/** What is to be recorded, with what was left out. */
export type Told = EngramContent & Required<Pick<EngramContent, 'measures' | 'tags' | 'observedAt'>>

/**
 * Checks what is the same whenever it is told.
 *
 * @throws objectives.invalid-engram, .text-too-large, .invalid-text, each naming the field
 */
export function checkContent(content: EngramContent): void {
  const { text, measures = {} } = content
  if (text !== undefined) checkText('text', text, ENGRAM_TEXT_BYTES_MAX)
  else if (Object.keys(measures).length === 0) {
    throw invalidEngram('text', 'is missing: say something, or send measures')
  }
  checkCircle(content)
}

/** What is told at `now`, whole. @throws objectives.invalid-engram */
export function toldAt(content: EngramContent, now: Date): Told {
  const { measures = {}, tags = [], observedAt = now.toISOString(), expiresAt } = content
  const ahead = timeOf('observedAt', observedAt).getTime() - now.getTime()
  if (ahead > OBSERVED_AHEAD_MS_MAX) {
    throw invalidEngram('observedAt', 'is more than five minutes in the future; send a time past')
  }
  if (expiresAt !== undefined && timeOf('expiresAt', expiresAt) <= now) {
    throw invalidEngram('expiresAt', 'is past; send a time to come, or leave it out')
  }
  return { ...content, measures, tags, observedAt }
}

/** @throws objectives.invalid-engram */
export function timeOf(field: string, time: string): Date {
  if (!isCalendarTime(time)) {
    throw invalidEngram(field, 'is no time of the calendar; send one as 2026-09-30T12:00:00.000Z')
  }
  return new Date(time)
}

/** Which circle it is told to, if to one. */
export function circleOf({ tier, circle }: EngramContent): Circle | undefined {
  if (tier === 'public' || tier === 'private' || circle === undefined) return undefined
  return `${tier}:${circle}`
}

function checkCircle({ tier, circle }: EngramContent): void {
  const isShared = tier !== 'public' && tier !== 'private'
  if (isShared && circle === undefined) {
    throw invalidEngram('circle', `is missing: say which ${tier}`)
  }
  if (!isShared && circle !== undefined) {
    throw invalidEngram('circle', `does not go with the tier ${tier}; leave it out`)
  }
}
