import { faultOfText } from '@mumega/contracts/text'
import { invalidText, textTooLarge } from './errors.ts'

export interface BoundedText {
  /** The name that the caller knows it by. */
  field: string
  value: string
  limitBytes: number
}

/**
 * Refuses a text that is too long, or that would not come back as it was sent.
 *
 * @throws bridge.text-too-large, bridge.invalid-text
 */
export function checkText({ field, value, limitBytes }: BoundedText): void {
  const found = faultOfText(value, limitBytes)
  if (found?.fault === 'too-large') {
    throw textTooLarge({ field, limitBytes, actualBytes: found.actualBytes })
  }
  if (found !== undefined) throw invalidText(field, found.what)
}
