import { appendFileSync, mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

interface Named {
  readonly bench: string
  /** For instance `events_per_s` or `latency_p99`. */
  readonly figure: string
  /** `1/s`, `ms`, `MB` … */
  readonly unit: string
  /** Tells ways of feeding apart: `packed`, `single` … */
  readonly variant?: string
  /** What was measured beside it, in the same run. DESIGN.md, section 5, has the names. */
  readonly against?: string
}

export interface Measured extends Named {
  readonly value: number
  readonly againstValue?: number
  /** The bar: the least that the value may be of `againstValue`. */
  readonly ratioMin?: number
  /** The bar: the most that the value may be of `againstValue`. */
  readonly ratioMax?: number
  /** The bar: the most that the value may be. */
  readonly valueMax?: number
}

/** What could not be measured here, and why. It is never taken for a bar that was met. */
export interface Skipped extends Named {
  readonly skipped: string
}

/** One figure of a bench. */
export type Figure = Measured | Skipped

/** What a file of this folder exports as `bench`. */
export interface Bench {
  /** Measures everything, in some minutes at most. `log` shows progress. */
  run(log: (line: string) => void): Promise<Figure[]>
}

/** Where figures are kept from run to run. */
export const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url))

/** Appends one JSON line for each figure to `results/<bench>.jsonl`, and returns them. */
export function keepFigures(figures: readonly Figure[], at: Date): string[] {
  mkdirSync(RESULTS, { recursive: true })
  return figures.map((figure) => {
    const line = JSON.stringify({
      ...figure,
      ...(isMeasured(figure) && roundedOf(figure)),
      machine: `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}`,
      node: process.version,
      at: at.toISOString(),
    })
    appendFileSync(`${RESULTS}${figure.bench}.jsonl`, `${line}\n`)
    return line
  })
}

function isMeasured(figure: Figure): figure is Measured {
  return 'value' in figure
}

function roundedOf({ value, againstValue }: Measured) {
  return {
    value: rounded(value),
    ...(againstValue !== undefined && {
      againstValue: rounded(againstValue),
      ratio: rounded(value / againstValue),
    }),
  }
}

const COLUMNS = ['figure', 'variant', 'value', 'against', 'its value', 'ratio', 'bar']

/** The figures as a table for people. */
export function tableOf(figures: readonly Figure[]): string {
  const lines = [COLUMNS, ...figures.map(cellsOf)]
  const widths = COLUMNS.map((_, column) =>
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

function cellsOf(figure: Figure): string[] {
  const { unit, variant = '', against = '' } = figure
  if (!isMeasured(figure)) {
    return [figure.figure, variant, '', against, '', '', `skipped: ${figure.skipped}`]
  }
  const { value, againstValue } = figure
  return [
    figure.figure,
    variant,
    `${rounded(value)} ${unit}`,
    against,
    againstValue === undefined ? '' : `${rounded(againstValue)} ${unit}`,
    againstValue === undefined ? '' : String(rounded(value / againstValue)),
    barOf(figure),
  ]
}

function barOf({ value, againstValue, ratioMin, ratioMax, valueMax }: Measured): string {
  if (valueMax !== undefined) return verdictOf(`≤ ${valueMax}`, value <= valueMax)
  if (againstValue === undefined) return ''
  const ratio = value / againstValue
  if (ratioMin !== undefined) return verdictOf(`≥ ${rounded(ratioMin)}`, ratio >= ratioMin)
  return ratioMax === undefined ? '' : verdictOf(`≤ ${rounded(ratioMax)}`, ratio <= ratioMax)
}

function verdictOf(bar: string, isMet: boolean): string {
  return `${bar}: ${isMet ? 'met' : 'missed'}`
}

export function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100
}

/** The value below which `share` (0 to 1) of these values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  if (value === undefined) throw new Error('there is nothing to take a percentile of')
  return value
}
