import { faultOfPlainText } from '@mumega/contracts/text'
import { invalidText, textTooLarge } from './errors.ts'

/** @throws objectives.text-too-large, objectives.invalid-text */
export function checkText(field: string, value: string, limitBytes: number): void {
  const found = faultOfPlainText(value, limitBytes)
  if (found?.fault === 'too-large') {
    throw textTooLarge({ field, limitBytes, actualBytes: found.actualBytes })
  }
  if (found !== undefined) throw invalidText(field, found.what)
}
