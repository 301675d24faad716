import type { Verdict } from '@mumega/contracts/gate'
import type { LedgerRow } from '@mumega/contracts/gate-ledger'
import type { Knex } from '@mumega/db'

interface Historic {
  readonly tracks: readonly Pick<LedgerRow, 'trackId' | 'title' | 'blocks' | 'iterations'>[]
  readonly postGreen: number
  readonly verdict: Verdict
}

/** Of a sprint that this transaction has added. */
export async function insertHistoric(
  trx: Knex.Transaction,
  { tenantId, sprintId }: { tenantId: string; sprintId: string },
  { tracks, postGreen, verdict }: Historic,
): Promise<void> {
  await trx('historic_tracks').insert(
    tracks.map(({ trackId, title, blocks, iterations }) => ({
      ...{ tenant_id: tenantId, sprint_id: sprintId, track_id: trackId },
      ...{ title, blocks, iterations, post_green: postGreen, verdict },
    })),
  )
}
