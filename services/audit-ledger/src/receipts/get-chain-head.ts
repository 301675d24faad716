import type { getChainHead } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { EMPTY_CHAIN } from '../sealing/entry-batch.ts'

/**
 * Answers with the head of a chain; to another tenant every chain looks empty, as one that does not
 * exist does.
 */
export async function handleGetChainHead(
  db: Knex,
  { chain }: RequestOf<typeof getChainHead>,
  context: CallContext,
): Promise<ReplyOf<typeof getChainHead>> {
  const isAllowed = context.tenantId === chain || context.tenantId === SUBSTRATE
  if (!isAllowed) return EMPTY_CHAIN
  return readAs(db, context, async (trx) => {
    const row = await trx<{ chain: string; seq: string; head: Buffer }>('chains')
      .where({ chain })
      .first()
    return row === undefined
      ? EMPTY_CHAIN
      : { seq: Number(row.seq), head: row.head.toString('hex') }
  })
}
