import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { getLedger, LedgerRow } from '@mumega/contracts/gate-ledger'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import { sprintNotFound } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { listCarriedHere, listCounted, listHistoric } from './ledger-repository.ts'
import { findSprint } from './sprint-repository.ts'

const COUNTS = [
  ...(['blocks', 'blocksOpen', 'iterations', 'postGreen', 'postGreenBlocks', 'carries'] as const),
]

/** @throws gate.sprint-not-found */
export async function handleGetLedger(
  { db }: Gate,
  context: CallContext,
  { sprintId }: RequestOf<typeof getLedger>,
): Promise<ReplyOf<typeof getLedger>> {
  const key = { tenantId: context.tenantId, sprintId }
  return readAs(db, context, async (trx) => {
    const sprint = await findSprint(trx, key)
    if (sprint === undefined) throw sprintNotFound(sprintId)
    const { tenantId, origin, title, note } = sprint
    const tracks = await (origin === 'seed' ? listHistoric : listCounted)(trx, key)
    const { carriedHere, count } = await listCarriedHere(trx, key)
    return {
      ...{ tenantId, sprintId, origin, title },
      ...(note !== undefined && { note }),
      ...{ tracks, totals: { ...totalsOf(tracks), carriedHere: count }, carriedHere },
    }
  })
}

function totalsOf(tracks: readonly LedgerRow[]) {
  const totals = {
    ...{ blocks: 0, blocksOpen: 0, iterations: 0, postGreen: 0, postGreenBlocks: 0, carries: 0 },
  }
  for (const track of tracks) for (const count of COUNTS) totals[count] += track[count]
  return totals
}
