import { invalidText, textTooLarge } from './errors.ts'

export interface BoundedText {
  /** The name that the caller knows it by. */
  field: string
  value: string
  limitBytes: number
}

// With the flag `u` a well-formed pair is one character, so this finds only halves.
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Refuses a text that is too long in UTF-8 or that would not come back as it was sent: PostgreSQL
 * stores no U+0000, and half a surrogate pair has no UTF-8 and would silently become U+FFFD.
 *
 * @throws bridge.text-too-large, bridge.invalid-text
 */
export function checkText({ field, value, limitBytes }: BoundedText): void {
  const actualBytes = Buffer.byteLength(value, 'utf8')
  if (actualBytes > limitBytes) throw textTooLarge({ field, limitBytes, actualBytes })
  if (value.includes('\u0000')) throw invalidText(field, 'the character U+0000')
  if (LONE_SURROGATE.test(value)) throw invalidText(field, 'half of a surrogate pair')
}
