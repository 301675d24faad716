import { faultOfPlainText } from '@mumega/contracts/text'
import { invalidText, textTooLarge } from './errors.ts'

/** @throws gate.text-too-large, gate.invalid-text */
export function checkText(field: string, value: string | undefined, limitBytes: number): void {
  const found = value === undefined ? undefined : faultOfPlainText(value, limitBytes)
  if (found?.fault === 'too-large') {
    throw textTooLarge({ field, limitBytes, actualBytes: found.actualBytes })
  }
  if (found !== undefined) throw invalidText(field, found.what)
}
