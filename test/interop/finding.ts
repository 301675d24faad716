export type Result = 'passed' | 'failed' | 'skipped'

/** What one stranger's tool said of ours. */
export interface Finding {
  tool: string
  /** Empty when it could not be had. */
  version: string
  /** What it was given to judge. */
  checked: string
  result: Result
  /** Why it failed or was skipped; what it said when it passed. */
  reason: string
}

/** Whether a tool cannot be had on this machine: reported as skipped, never as passed. */
export class NotHere extends Error {}

/** Of what has not begun when the run's time is over. */
export const NO_TIME_LEFT = { result: 'skipped', reason: 'no time was left for it' } as const

const COLUMNS = ['tool', 'version', 'checked', 'result', 'reason'] as const

/** The findings as a table for people. */
export function tableOf(findings: readonly Finding[]): string {
  const rows = [Object.fromEntries(COLUMNS.map((name) => [name, name])), ...findings]
  const widths = COLUMNS.map((name) => Math.max(...rows.map((row) => (row[name] ?? '').length)))
  const lines = rows.map((row) =>
    COLUMNS.map((name, index) => (row[name] ?? '').padEnd(widths[index] ?? 0)).join('  '),
  )
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** The findings for programs: one line of JSON each. */
export function linesOf(findings: readonly Finding[]): string {
  return findings.map((finding) => JSON.stringify(finding)).join('\n')
}
