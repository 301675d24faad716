import {
  CONTENT_BYTES_MAX,
  DESCRIPTION_BYTES_MAX,
  TITLE_BYTES_MAX,
  type Formula,
  type KeyResult,
  type ObjectiveContent,
} from '@mumega/contracts/objective-content'
import { canonicalJson } from '@mumega/tlog/canonical'
import { invalidObjective, textTooLarge } from '../errors.ts'
import { isDay } from '../progress/calendar.ts'
import { sidesOf, sourceOf } from '../progress/formula.ts'
import { checkText } from '../text.ts'

const UNIT_BYTES_MAX = 160
const WEIGHTS_OFF_MAX = 1e-9

/**
 * The bytes of what an objective says, which are what is proposed and what a signature binds.
 *
 * @throws objectives.invalid-objective, .text-too-large, .invalid-text, each naming the field
 */
export function contentTextOf(tenantId: string, content: ObjectiveContent): string {
  checkText('title', content.title, TITLE_BYTES_MAX)
  if (content.description !== undefined) {
    checkText('description', content.description, DESCRIPTION_BYTES_MAX)
  }
  checkPeriod(content.period)
  const { keyResults } = content
  keyResults.forEach((keyResult, nth) => {
    const field = `keyResults[${nth}]`
    const isTwice = keyResults.findIndex((one) => one.keyResultId === keyResult.keyResultId) < nth
    if (isTwice) throw invalidObjective(`${field}.keyResultId`, 'is that of another one')
    checkKeyResult(field, keyResult)
    checkTenant(`${field}.formula`, keyResult.formula, tenantId)
  })
  checkWeights(keyResults)
  const text = canonicalJson(content)
  const actualBytes = Buffer.byteLength(text)
  if (actualBytes > CONTENT_BYTES_MAX) {
    throw textTooLarge({ field: 'content', limitBytes: CONTENT_BYTES_MAX, actualBytes })
  }
  return text
}

function checkPeriod({ from, to }: ObjectiveContent['period']): void {
  for (const [field, day] of Object.entries({ from, to })) {
    if (!isDay(day)) throw invalidObjective(`period.${field}`, 'is no day of the calendar')
  }
  if (from > to) throw invalidObjective('period.to', 'is before the period begins')
}

function checkKeyResult(field: string, keyResult: KeyResult): void {
  const { title, unit, baseline, target, direction, thresholds } = keyResult
  checkText(`${field}.title`, title, TITLE_BYTES_MAX)
  checkText(`${field}.unit`, unit, UNIT_BYTES_MAX)
  if (direction === 'increase' ? target <= baseline : target >= baseline) {
    const way = direction === 'increase' ? 'above' : 'below'
    throw invalidObjective(`${field}.target`, `must be ${way} the baseline, as the direction says`)
  }
  if (thresholds !== undefined && thresholds.offTrack > thresholds.atRisk) {
    throw invalidObjective(`${field}.thresholds.offTrack`, 'must not be above atRisk')
  }
}

function checkTenant(field: string, formula: Formula, tenantId: string): void {
  for (const { of } of sidesOf(formula)) {
    if ((of.tenantId ?? tenantId) !== sourceOf(tenantId, of)) {
      throw invalidObjective(field, 'names another tenant, whose engrams are its own')
    }
  }
}

function checkWeights(keyResults: readonly KeyResult[]): void {
  const weights = keyResults.flatMap(({ weight }) => weight ?? [])
  if (weights.length === 0) return
  if (weights.length < keyResults.length) {
    throw invalidObjective('keyResults', 'must all have a weight, or none')
  }
  const sum = weights.reduce((total, weight) => total + weight, 0)
  if (Math.abs(sum - 1) > WEIGHTS_OFF_MAX) {
    throw invalidObjective('keyResults', `have weights that are ${sum} together; it must be 1`)
  }
}
