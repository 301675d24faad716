import type { DrillOptions } from '../src/drill/tamper.ts'
import type { TestLedger } from './given.ts'
import { copyPath, vkeyOf } from './given-scrubber.ts'

export async function drillOptionsOf(
  ledger: TestLedger,
  changes: Partial<DrillOptions> = {},
): Promise<DrillOptions> {
  return {
    adminUrl: ledger.adminUrl,
    vkey: await vkeyOf(ledger),
    checkpointFile: copyPath(ledger),
    bytesMax: 1_000_000_000,
    detectMsMax: 20_000,
    signal: new AbortController().signal,
    ...changes,
  }
}

/** The names of the copies of the log that stand in its cluster. */
export async function drillCopiesOf(ledger: TestLedger): Promise<string[]> {
  const rows = await ledger.sql<{ datname: string }>(
    `select datname from pg_database, (select oid from pg_database
      where datname = current_database()) as own
      where starts_with(datname, 'mumega_drill_' || own.oid || '_')`,
  )
  return rows.map(({ datname }) => datname)
}
