import type { ReceiptStatus } from '@mumega/tlog/receipt'

/** How the program ends, by what was found. */
export const EXIT_CODES: Readonly<Record<ReceiptStatus, number>> = {
  valid: 0,
  'not-anchored': 2,
  diverged: 3,
  redacted: 4,
  malformed: 5,
}

export const HEADINGS: Readonly<Record<ReceiptStatus, string>> = {
  valid: 'VALID',
  'not-anchored': 'NOT YET ANCHORED',
  diverged: 'DIVERGED',
  redacted: 'VALID, PAYLOAD REDACTED',
  malformed: 'MALFORMED',
}
