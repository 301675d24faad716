import { appendFileSync, mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

/** One measured figure; `against` is what was measured beside it, in the same run. */
export interface Figure {
  readonly bench: string
  /** For instance `events_per_s` or `latency_p99`. */
  readonly figure: string
  readonly value: number
  /** `1/s`, `ms`, `MB` … */
  readonly unit: string
  /** Tells ways of feeding apart: `packed`, `single` … */
  readonly variant?: string
  /** DESIGN.md, section 5, has the names. */
  readonly against?: string
  readonly againstValue?: number
}

/** What a file of this folder exports as `bench`. */
export interface Bench {
  /** Measures everything, in about a minute or two. `log` shows progress. */
  run(log: (line: string) => void): Promise<Figure[]>
}

const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url))

/** Appends one JSON line for each figure to `results/<bench>.jsonl`, and returns them. */
export function keepFigures(figures: readonly Figure[], at: Date): string[] {
  mkdirSync(RESULTS, { recursive: true })
  return figures.map((figure) => {
    const line = JSON.stringify({
      ...figure,
      value: rounded(figure.value),
      ...(figure.againstValue !== undefined && {
        againstValue: rounded(figure.againstValue),
        ratio: rounded(figure.value / figure.againstValue),
      }),
      machine: `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}`,
      node: process.version,
      at: at.toISOString(),
    })
    appendFileSync(`${RESULTS}${figure.bench}.jsonl`, `${line}\n`)
    return line
  })
}

/** The figures as a table for people. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.figure,
    figure.variant ?? '',
    `${rounded(figure.value)} ${figure.unit}`,
    figure.against ?? '',
    figure.againstValue === undefined ? '' : `${rounded(figure.againstValue)} ${figure.unit}`,
    figure.againstValue === undefined ? '' : String(rounded(figure.value / figure.againstValue)),
  ])
  const lines = [['figure', 'variant', 'value', 'against', 'its value', 'ratio'], ...rows]
  const widths = [0, 1, 2, 3, 4, 5].map((column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100
}

/** The value below which `share` (0 to 1) of these values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  if (value === undefined) throw new Error('there is nothing to take a percentile of')
  return value
}
