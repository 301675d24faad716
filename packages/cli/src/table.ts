import type { Outcome } from './command.ts'
import { printable, printableJson } from './printable.ts'

/** One page of a list. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  /** Where the next page begins; absent at the end. */
  readonly next: string | undefined
  /** The option that takes it; `after` where none is named. */
  readonly option?: 'after' | 'before'
}

/** The columns of a table, each with what it shows of a row. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => string>>

/** A page as a table. Numbers, which are digits only, are to the right. */
export function tableText<Row>(page: Page<Row>, columns: Columns<Row>): string {
  const cells = page.rows.map((row) => Object.values(columns).map((shown) => shown(row)))
  const isNumber = Object.keys(columns).map(
    (_, nth) => cells.length > 0 && cells.every((row) => /^[0-9]*$/.test(row[nth] ?? '')),
  )
  const lines = aligned([Object.keys(columns), ...cells], (nth) => isNumber[nth] === true)
  return linesText([...(cells.length === 0 ? ['none'] : lines), ...moreLines(page)])
}

/** How the next page is asked for, where there is one. */
export function moreLines({ next, option = 'after' }: Page<unknown>): string[] {
  return next === undefined ? [] : [`More: --${option} ${next}`]
}

/** Lines as text that is fit for a terminal. */
export function linesText(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line).trimEnd()}\n`).join('')
}

/** The lines of a text of somebody else, so that none looks like one of ours. */
export function marked(text: string): string[] {
  return text.split('\n').map((line) => `> ${line}`)
}

/** The outcome of a command that has done what it should. */
export function done(answer: object, { json, text }: { json: boolean; text: string }): Outcome {
  return { exitCode: 0, output: json ? printableJson(answer) : text }
}

/** Columns that are wider are not filled up: one long cell would make all rows as long. */
const COLUMN_MAX = 100

/** Rows of cells as lines, in columns of which some are to the right. */
export function aligned(
  rows: readonly (readonly string[])[],
  isRight: (column: number) => boolean,
): string[] {
  const widths = (rows[0] ?? []).map((_, nth) =>
    Math.min(COLUMN_MAX, Math.max(...rows.map((row) => widthOf(row[nth] ?? '')))),
  )
  return rows.map((row) =>
    row
      .map((cell, nth) => {
        const room = ' '.repeat(Math.max(0, (widths[nth] ?? 0) - widthOf(cell)))
        return isRight(nth) ? `${room}${cell}` : `${cell}${room}`
      })
      .join('  '),
  )
}

/** Characters as they are printed. */
function widthOf(cell: string): number {
  return [...printable(cell)].length
}
