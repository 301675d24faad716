import type { Knex } from '@mumega/db'
import { invalidCursor } from './errors.ts'

/** Of a row in a list that runs from the newest to the oldest: its time, then its id. */
export interface Position {
  readonly at: Date
  readonly id: string
}

/** Which part of such a list is asked for. */
export interface Page {
  readonly limit: number
  /** Only what stands behind it. */
  readonly before?: Position
}

const CURSOR = /^([0-9]{1,15})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** @throws audit-ledger.invalid-cursor */
export function pageOf(request: { limit: number; before?: string }): Page {
  const { limit, before } = request
  if (before === undefined) return { limit }
  const [, ms, id] = CURSOR.exec(before) ?? []
  if (id === undefined) throw invalidCursor()
  return { limit, before: { at: new Date(Number(ms)), id } }
}

/**
 * Adds the page to a query of rows that have `occurred_at`, and their id in `idColumn`. It reads
 * one row more than the page has, which tells `cutTo` that there is another page.
 */
export function newestFirst(
  query: Knex.QueryBuilder,
  idColumn: string,
  { limit, before }: Page,
): void {
  void query
    .orderBy('occurred_at', 'desc')
    .orderBy(idColumn, 'desc')
    .limit(limit + 1)
  if (before === undefined) return
  void query.whereRaw('(occurred_at, ??) < (?, ?)', [idColumn, before.at, before.id])
}

/** The rows of the page, and the cursor of the one behind it where there is one. */
export function cutTo<Row>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => Position,
): { rows: readonly Row[]; next?: string } {
  const cut = rows.slice(0, limit)
  const last = cut.at(-1)
  if (rows.length <= limit || last === undefined) return { rows: cut }
  const { at, id } = positionOf(last)
  return { rows: cut, next: `${at.getTime()}-${id}` }
}
