import type { ExportStatus } from '@mumega/tlog/export-fault'

/** How the program ends, by what was found. */
export const EXIT_CODES: Readonly<Record<ExportStatus, number>> = {
  valid: 0,
  'not-anchored': 2,
  unproved: 2,
  diverged: 3,
  redacted: 4,
  malformed: 5,
}

export const HEADINGS: Readonly<Record<ExportStatus, string>> = {
  valid: 'VALID',
  'not-anchored': 'NOT YET ANCHORED',
  unproved: 'NOT PROVEN',
  diverged: 'DIVERGED',
  redacted: 'VALID, PAYLOAD REDACTED',
  malformed: 'MALFORMED',
}
