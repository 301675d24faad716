import { exportEntries, readEntries, searchEntries } from '@mumega/contracts/audit-search'
import type { Parts } from '../health.ts'
import { handleExportEntries } from './export-entries.ts'
import { handleReadEntries } from './read-entries.ts'
import { handleSearchEntries } from './search-entries.ts'

/** Answers those who look for entries. */
export function serveSearch({ bus, db, checkpointer, projector }: Parts): void {
  bus.serve(searchEntries, (request, { context }) =>
    handleSearchEntries({ db, projector }, request, context),
  )
  bus.serve(exportEntries, (request, { context }) =>
    handleExportEntries({ db, checkpointer }, request, context),
  )
  bus.serve(readEntries, (request, { context }) => handleReadEntries(db, request, context))
}
