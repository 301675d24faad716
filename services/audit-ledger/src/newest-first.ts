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

/** Adds the page to a query of rows that have `occurred_at`, and their id in `idColumn`. */
export function newestFirst(
  query: Knex.QueryBuilder,
  idColumn: string,
  { limit, before }: Page,
): void {
  void query.orderBy('occurred_at', 'desc').orderBy(idColumn, 'desc').limit(limit)
  if (before === undefined) return
  void query.whereRaw('(occurred_at, ??) < (?, ?)', [idColumn, before.at, before.id])
}

/** The cursor of the page behind this one; nothing where this one is not full. */
export function nextOf(rows: readonly Position[], limit: number): { next?: string } {
  const last = rows.at(-1)
  if (rows.length < limit || last === undefined) return {}
  return { next: `${last.at.getTime()}-${last.id}` }
}
