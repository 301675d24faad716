import type { Formula, KeyResult } from '@mumega/contracts/objective-content'
import {
  STALE_AFTER_DAYS,
  type Confidence,
  type ForecastAssumption,
  type KeyResultProgress,
  type Standing,
} from '@mumega/contracts/progress'
import type { Computed } from './formula.ts'

/** Milliseconds of the epoch: a period, and the moment in or after it as of which it is seen. */
export interface Moment {
  readonly startMs: number
  readonly endMs: number
  readonly nowMs: number
}

const DAY_MS = 86_400_000
const AT_RISK_DEFAULT = 0.9
const OFF_TRACK_DEFAULT = 0.6
/** Of the period: before that the pace of the first days says nothing of its end. */
const TOO_EARLY = 0.05

export interface Judged {
  readonly progress: number
  readonly confidence: Confidence
  readonly standing: Standing
  /** In the key result's unit, for the end of the period. */
  readonly forecast?: number
}

/** What a value means for its key result at this moment. */
export function judge(keyResult: KeyResult, computed: Computed, moment: Moment): Judged {
  const { value } = computed
  const confidence = confidenceOf(keyResult, computed, moment)
  if (value === undefined) return { progress: 0, confidence, standing: 'unknown' }
  const share = shareOf(keyResult, value)
  const progress = Math.min(Math.max(share, 0), 1)
  const elapsed = elapsedOf(moment)
  if (keyResult.formula.kind === 'milestone') {
    return { progress, confidence, standing: milestoneStanding(progress, elapsed) }
  }
  const forecast = forecastOf(keyResult, value, elapsed)
  const standing = standingOf(keyResult, { progress, forecast, elapsed })
  return { progress, confidence, standing, ...(forecast !== undefined && { forecast }) }
}

/** Of the way from baseline to target, also of one that leads down. They always differ. */
function shareOf({ baseline, target }: KeyResult, value: number): number {
  return (value - baseline) / (target - baseline)
}

function elapsedOf({ startMs, endMs, nowMs }: Moment): number {
  return Math.min(Math.max((nowMs - startMs) / (endMs - startMs), 0), 1)
}

/**
 * Linear: what was reached since the period began goes on at the same pace. `steady`: an average, a
 * ratio and what the last so many days came to do not add up, and stay as they are.
 */
export function assumptionOf(formula: Formula): ForecastAssumption {
  if (formula.kind === 'average' || formula.kind === 'ratio') return 'steady'
  const isRolling = formula.kind !== 'latest' && formula.of.windowDays !== undefined
  return isRolling ? 'steady' : 'linear'
}

function forecastOf(
  { formula, baseline }: KeyResult,
  value: number,
  elapsed: number,
): number | undefined {
  if (elapsed === 0) return undefined
  return assumptionOf(formula) === 'steady' ? value : baseline + (value - baseline) / elapsed
}

function standingOf(
  keyResult: KeyResult,
  {
    progress,
    forecast,
    elapsed,
  }: { progress: number; forecast: number | undefined; elapsed: number },
): Standing {
  if (progress === 1) return 'on-track'
  if (forecast === undefined || elapsed < TOO_EARLY) return 'unknown'
  const { atRisk, offTrack } = keyResult.thresholds ?? {
    atRisk: AT_RISK_DEFAULT,
    offTrack: OFF_TRACK_DEFAULT,
  }
  const reached = shareOf(keyResult, forecast)
  if (reached >= atRisk) return 'on-track'
  return reached >= offTrack ? 'at-risk' : 'off-track'
}

/** Nothing of a milestone is reached before all of it is: it has until the end. */
function milestoneStanding(progress: number, elapsed: number): Standing {
  if (progress === 1) return 'on-track'
  return elapsed === 1 ? 'off-track' : 'unknown'
}

function confidenceOf(
  { formula }: KeyResult,
  { value, engrams, newestAtMs }: Computed,
  { endMs, nowMs }: Moment,
): Confidence {
  if (value === undefined || engrams === 0 || newestAtMs === undefined) return 'missing'
  // What was reached once does not grow old.
  if (formula.kind === 'milestone') return 'present'
  const isStale = newestAtMs < Math.min(nowMs, endMs) - STALE_AFTER_DAYS * DAY_MS
  return isStale ? 'stale' : 'present'
}

const WORST_FIRST: readonly Standing[] = ['off-track', 'at-risk', 'unknown', 'on-track']

export function worstStanding(standings: readonly Standing[]): Standing {
  return WORST_FIRST.find((standing) => standings.includes(standing)) ?? 'unknown'
}

/** Of an objective: the mean of its key results, by their weights where they have any. */
export function meanProgress(
  keyResults: readonly { weight?: number | undefined; progress: KeyResultProgress['progress'] }[],
): number {
  const weightOf = ({ weight }: { weight?: number | undefined }) => weight ?? 1 / keyResults.length
  const mean = keyResults.reduce((sum, one) => sum + weightOf(one) * one.progress, 0)
  return Math.min(mean, 1)
}
