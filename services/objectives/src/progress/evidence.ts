import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { OBJECTIVES_CONTEXT } from '../identity.ts'
import { sourceOf, type FormulaSide, type Window } from './formula.ts'
import { listObserved, type NumberedEngram } from './observed-engrams.ts'
import { findCutoff, type StoredRun } from './run-repository.ts'

interface EvidencePage {
  readonly run: StoredRun
  readonly sides: readonly (FormulaSide & { readonly window: Window })[]
  readonly after: string
  readonly limit: number
}

/** What a run's value was computed from, in the order of recording: found again, not stored. */
export async function listFitting(
  db: Knex,
  { run, sides, after, limit }: EvidencePage,
): Promise<NumberedEngram[]> {
  const found = new Map<string, NumberedEngram>()
  for (const { of, measure, window } of sides) {
    const tenantId = sourceOf(run.tenantId, of)
    const key = { tenantId: run.tenantId, day: run.day, source: tenantId }
    const cutoff = await readAs(db, { ...OBJECTIVES_CONTEXT, tenantId: run.tenantId }, (trx) =>
      findCutoff(trx, key),
    )
    if (cutoff === undefined) continue
    const query = {
      ...{ tenantId, cutoff, ...window, asOf: run.asOf },
      ...{ kinds: of.kinds, tags: of.tags ?? [], measure },
    }
    const page = await readAs(db, { ...OBJECTIVES_CONTEXT, tenantId }, (trx) =>
      listObserved(trx, query, { after, limit }),
    )
    for (const engram of page) found.set(engram.number, engram)
  }
  // Numbers are the table's, so that those of two tenants have one order.
  const sorted = [...found.values()].sort((one, other) =>
    BigInt(one.number) < BigInt(other.number) ? -1 : 1,
  )
  return sorted.slice(0, limit)
}
